"""Values that all arrows share: canonical form and digests, clocks, version vectors, chains, conditions, item rules."""
