"""The reference server `assistant`: real tool, prompt and MCP resource definitions of well-known MCP servers.

The local fleet deploys it: its stack's configuration names `examples.assistant.contexts` as declarations.
"""
