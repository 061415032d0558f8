"""The local fleet: a real multi-cluster control plane as plain processes on loopback."""
