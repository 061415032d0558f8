"""PROGRAMS: short Pulumi programs over the components."""
