"""The verbs about MCP: what stands around the server itself, which is a door of its own."""
