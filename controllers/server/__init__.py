"""A native MCP server over the context directories of a volume: hot reload, both protocol eras, last known good."""
