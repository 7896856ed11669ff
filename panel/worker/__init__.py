"""Runs operations as root: claim, judge again, one engine call, record."""
