"""The file system, for whoever shares a directory: confined trees, durable writes, changes as they come."""
