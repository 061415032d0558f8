"""What everything is said in: the canonical form and its digests, clocks, version vectors, chains, item rules."""
