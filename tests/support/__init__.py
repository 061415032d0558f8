"""What tests of several kinds stand on: real processes and a scripted API server."""
