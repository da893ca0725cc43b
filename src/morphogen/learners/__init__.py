"""Learners: systems whose state is the weights of a model and the memory of its optimiser, and whose step is one update."""
