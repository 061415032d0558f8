"""Measurements of a running federation against the qualities that it promises."""
