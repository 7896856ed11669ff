"""Which version of runtime-spec is understood, for whoever needs nothing else of it."""

from __future__ import annotations

SPEC_VERSION = "1.2.0"
"""The newest one."""
