"""The protocol in simulation: the code that the controllers run, in a world whose true causality is known."""
