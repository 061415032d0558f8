"""What every controller stands on: API client, watch caches, work queues, conditions, telemetry, process life cycle."""
