"""How the panel reaches its database."""
