"""Worlds: systems with a fixed rule, a file a family."""
