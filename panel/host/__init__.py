"""The machine's side of the platform: set-up, supervision, units, backups. Runs as root."""
