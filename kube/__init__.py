"""The Kubernetes client, and what a process that lives on it needs.

Transport, credentials and client; watch, reflector, queue and controller loop; telemetry and the life of a process.
"""
