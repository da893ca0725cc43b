"""Societies: agents that exchange messages. They run on the host behind the same protocol as every other system."""
