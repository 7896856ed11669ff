"""Numbers as people write them: bytes, time spans, figures. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

KIB = 1024
UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
MEMORY_UNITS = {"MiB": KIB**2, "GiB": KIB**3}


def size(count: int | float | None) -> str:
    """Return bytes with a unit and at most three digits."""
    value = float(count or 0)
    unit = UNITS[0]
    for unit in UNITS:
        if abs(value) < KIB or unit == UNITS[-1]:
            break
        value /= KIB
    if unit == "B":
        return f"{value:.0f} B"
    return f"{value:.0f} {unit}" if value >= 99.95 or value == int(value) else f"{value:.1f} {unit}"


def span(seconds: float) -> str:
    """Return a time span in its largest one or two units."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} d"


def between(begin: datetime | None, end: datetime | None) -> str:
    """Return the span from `begin` to `end`, empty where either is not known."""
    if begin is None or end is None:
        return ""
    return span(max(0.0, (end - begin) / timedelta(seconds=1)))


def typed(text: str) -> float | None:
    """Return the number that somebody typed, None for nothing; a comma will do for the point.

    Raises ValueError for what is not a number above 0.
    """
    if not text:
        return None
    number = float(text.replace(",", "."))
    if not 0 < number < 1e15:
        raise ValueError(text)
    return number


def memory_in_units(count: int | None) -> tuple[str, str]:
    """Return bytes as the create form shows them: a number and MiB or GiB."""
    if count is None:
        return "", "MiB"
    unit = "GiB" if count % MEMORY_UNITS["GiB"] == 0 else "MiB"
    return f"{count / MEMORY_UNITS[unit]:g}", unit
