"""What callers ask for: frozen, complete and valid. Pure: no I/O here."""
