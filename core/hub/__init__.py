"""The control plane: from the declaration and all proposals to the next revision, its projection and the status."""
