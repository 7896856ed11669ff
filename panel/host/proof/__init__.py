"""Runs every test of the project: `manage.py test`."""
