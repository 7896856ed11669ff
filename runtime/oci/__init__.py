"""The OCI standards as types; pure: no I/O here."""
