"""Contexts to start from, from ten lines up."""
