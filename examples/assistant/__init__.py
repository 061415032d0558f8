"""The reference server `assistant`: real tool, prompt and MCP resource definitions of well-known MCP servers."""
