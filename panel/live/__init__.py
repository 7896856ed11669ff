"""WebSockets: what changes while a page is open."""
