"""How the host says no."""

from __future__ import annotations


class HostRefused(Exception):
    """A command cannot do what was asked; the message is one sentence that says why."""
