"""Django's SQLite backend with connections that outlive their request."""
