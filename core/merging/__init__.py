"""Two contents into one: three-way by structure, by line, or not at all."""
