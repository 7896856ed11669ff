"""The instance's id: a data root has one for ever, and its names in the kernel carry it."""

from __future__ import annotations

import os

from runtime.errors import Unavailable
from runtime.state import durable


def instance_id(path: str) -> str:
    """Return the id kept at `path`, 8 hexadecimal digits, minted by whoever comes first."""
    try:
        content = durable.read(path)
    except FileNotFoundError:
        durable.add_durably(path, os.urandom(4).hex().encode() + b"\n")
        content = durable.read(path)
    text = content.decode("ascii", "replace").strip()
    if len(text) != 8 or set(text) - set("0123456789abcdef"):
        raise Unavailable(f"{path} is damaged: {text!r} is no instance id")
    return text
