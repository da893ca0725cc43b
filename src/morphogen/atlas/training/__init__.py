"""Chapter: learning itself as a dynamical system."""
