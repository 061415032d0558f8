"""The smallest program: one context."""
