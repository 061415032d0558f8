"""The reference stack: a federation over the fleet of its configuration."""
