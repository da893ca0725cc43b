"""Collectives: many bodies, many actors, and order that no single member carries."""
