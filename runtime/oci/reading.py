"""Reading a JSON object field by field, with errors that name the field. Pure.

null is the same as absence: writers in Go leave either. Unknown fields are not looked at, as
runtime-spec (config.md, "Extensibility") demands.
"""

from __future__ import annotations

from typing import Any

from runtime.errors import InvalidSpec

_INT64 = 2**63
_UINT64 = 2**64 - 1


class Fields:
    """One JSON object and its dotted path in the document; "" is the document itself."""

    __slots__ = ("_values", "path")

    def __init__(self, values: dict[str, Any], path: str = "") -> None:
        self._values = values
        self.path = path

    def at(self, name: str) -> str:
        """Return the dotted path of field `name`."""
        return f"{self.path}.{name}" if self.path else name

    def has(self, name: str) -> bool:
        """Say whether the field is there and not null."""
        return self._values.get(name) is not None

    def text(self, name: str, default: str = "") -> str:
        """Return a string without NUL bytes. Raises InvalidSpec."""
        value = self._values.get(name)
        return default if value is None else _text(value, self.at(name))

    def required_text(self, name: str) -> str:
        """Return a string that must be there and not be empty. Raises InvalidSpec."""
        value = self.text(name)
        if not value:
            raise InvalidSpec(self.at(name), "is required and must not be empty")
        return value

    def choice(self, name: str, choices: tuple[str, ...], default: str = "") -> str:
        """Return one of `choices`, or `default` where the field is absent. Raises InvalidSpec."""
        value = self.text(name)
        if not value:
            return default
        if value not in choices:
            raise InvalidSpec(self.at(name), f"{value!r} is none of {', '.join(choices)}")
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean. Raises InvalidSpec."""
        value = self._values.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise InvalidSpec(self.at(name), "is not true or false")
        return value

    def integer(self, name: str, *, least: int = -_INT64, most: int = _UINT64) -> int | None:
        """Return an integer between `least` and `most`, None where absent. Raises InvalidSpec."""
        value = self._values.get(name)
        return None if value is None else _integer(value, self.at(name), least, most)

    def required_integer(self, name: str, *, least: int, most: int) -> int:
        """Return an integer that must be there. Raises InvalidSpec."""
        value = self.integer(name, least=least, most=most)
        if value is None:
            raise InvalidSpec(self.at(name), "is required")
        return value

    def integers(self, name: str, *, least: int, most: int) -> tuple[int, ...]:
        """Return a list of integers. Raises InvalidSpec."""
        return tuple(
            _integer(value, f"{self.at(name)}[{place}]", least, most)
            for place, value in enumerate(self._list(name))
        )

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings. Raises InvalidSpec."""
        return tuple(
            _text(value, f"{self.at(name)}[{place}]")
            for place, value in enumerate(self._list(name))
        )

    def table(self, name: str) -> tuple[tuple[str, str], ...]:
        """Return an object whose values are strings, as pairs in its order. Raises InvalidSpec."""
        inner = self.inner(name)
        if inner is None:
            return ()
        return tuple((_text(key, inner.path), inner.text(key)) for key in inner.names())

    def names(self) -> tuple[str, ...]:
        """Return the names of all fields, known or not."""
        return tuple(self._values)

    def inner(self, name: str) -> Fields | None:
        """Return an object inside this one, None where absent. Raises InvalidSpec."""
        value = self._values.get(name)
        return None if value is None else _fields(value, self.at(name))

    def items(self, name: str) -> tuple[Fields, ...]:
        """Return a list of objects. Raises InvalidSpec."""
        return tuple(
            _fields(value, f"{self.at(name)}[{place}]")
            for place, value in enumerate(self._list(name))
        )

    def _list(self, name: str) -> list[Any]:
        value = self._values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise InvalidSpec(self.at(name), "is not a list")
        return value


def _fields(value: Any, path: str) -> Fields:
    if not isinstance(value, dict):
        raise InvalidSpec(path, "is not an object")
    return Fields(value, path)


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise InvalidSpec(path, "is not a string")
    if "\0" in value:
        raise InvalidSpec(path, "contains a NUL byte")
    return value


def _integer(value: Any, path: str, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidSpec(path, "is not an integer")
    if not least <= value <= most:
        raise InvalidSpec(path, f"{value} is not between {least} and {most}")
    return value
