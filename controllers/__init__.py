"""Run: the federation and context controllers, the agent beside an MCP server, and our own MCP server."""
