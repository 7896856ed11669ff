"""The only way to change things. A row is the promise, a Celery message only the doorbell."""
