"""Run: the reconcilers, the agent, the MCP server, and the runtime that they share."""
