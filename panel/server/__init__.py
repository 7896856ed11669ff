"""The web server: Daphne with streaming request bodies, size bounds and write back-pressure.

Knows HTTP, WebSockets and ASGI; nothing of Moorage but which paths take their body as a stream.
"""
