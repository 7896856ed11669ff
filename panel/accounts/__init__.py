"""Who may do what: users, teams, roles, tokens, permissions. Knows nothing of containers."""
