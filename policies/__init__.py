"""GUARD: policy packs, their rules as pure functions."""
