"""The commands of manage.py: thin doors to panel.host and to the services of the panel."""
