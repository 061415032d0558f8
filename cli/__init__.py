"""ASK: `mcpfed`, the command line. Is all in sync, and if not, where and why?."""
