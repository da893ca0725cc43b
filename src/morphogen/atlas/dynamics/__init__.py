"""Dynamics: chaotic flows, neuron maps, models that learn dynamics, and what can be computed about a process."""
