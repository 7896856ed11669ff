"""Checks of single fields; each raises InvalidSpec naming the field, and returns the value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runtime.errors import InvalidSpec

MAX_ARGUMENTS = 4096
MAX_TEXT = 131_072
"""The kernel's limit for one argument or variable, MAX_ARG_STRLEN (execve(2))."""


def text(field_name: str, value: object) -> str:
    """Check for text that the kernel can take as one argument."""
    if not isinstance(value, str):
        raise InvalidSpec(field_name, f"{value!r} is not text")
    if "\0" in value:
        raise InvalidSpec(field_name, "contains a NUL character")
    if len(value) > MAX_TEXT:
        raise InvalidSpec(field_name, f"is longer than {MAX_TEXT} characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidSpec(field_name, "is not valid Unicode") from None
    return value


def flag(field_name: str, value: object) -> None:
    """Check for true or false."""
    if not isinstance(value, bool):
        raise InvalidSpec(field_name, f"{value!r} is neither true nor false")


def count(field_name: str, value: object, high: int) -> None:
    """Check for a whole number from 0 to `high`."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= high:
        raise InvalidSpec(field_name, f"{value!r} is not a whole number from 0 to {high}")


def items(field_name: str, value: object) -> list[Any]:
    """Check for a list of reasonable length; return a copy."""
    if not isinstance(value, list | tuple):
        raise InvalidSpec(field_name, f"{value!r} is not a list")
    if len(value) > MAX_ARGUMENTS:
        raise InvalidSpec(field_name, f"has more than {MAX_ARGUMENTS} entries")
    return list(value)


def strings(field_name: str, value: object) -> tuple[str, ...]:
    """Check for a list of texts."""
    return tuple(text(f"{field_name}[{n}]", v) for n, v in enumerate(items(field_name, value)))


def mapping(field_name: str, value: object) -> Mapping[str, Any]:
    """Check for an object."""
    if not isinstance(value, Mapping):
        raise InvalidSpec(field_name, f"{value!r} is not an object")
    return value


def text_mapping(field_name: str, value: object) -> Mapping[str, str]:
    """Check for an object of texts."""
    given = mapping(field_name, value)
    if len(given) > MAX_ARGUMENTS:
        raise InvalidSpec(field_name, f"has more than {MAX_ARGUMENTS} entries")
    for key, entry in given.items():
        text(field_name, key)
        text(f"{field_name}.{key}", entry)
    return given


def whole(field: str, value: object, low: int, high: int) -> None:
    """Check for nothing, or a whole number from `low` to `high`."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidSpec(field, f"{value!r} is not a whole number")
    if not low <= value <= high:
        raise InvalidSpec(field, f"{value} is not between {low} and {high}")


def number(field: str, value: object) -> float:
    """Check for a number; return it as a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidSpec(field, f"{value!r} is not a number")
    return float(value)
