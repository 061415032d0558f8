"""HOW contexts are kept the same: one pure module per arrow of the flow. No I/O, no clock, no randomness of its own."""
