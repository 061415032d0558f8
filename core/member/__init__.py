"""A cluster: what its pods propose, collected; what it serves of a context."""
