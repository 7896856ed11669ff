"""Bytes between a node's agent and whoever shows them: frames (pure), a client, a server.

The client is asyncio and imports no engine; the server is threads and knows no ticket's meaning:
what a ticket opens is handed in by its caller.
"""
