"""What all parts of a spec share: fields that check themselves, and plain data in and out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, field
from dataclasses import fields as dataclass_fields
from types import MappingProxyType
from typing import Any, ClassVar, Self, TypeVar

from runtime.errors import InvalidSpec
from runtime.spec import fields

Check = Callable[[str, Any], Any]
"""Takes a field's path and its value; returns the value frozen or raises InvalidSpec."""
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Topic:
    """A frozen dataclass whose fields were made by `asked` or `required`; PATH is its place.

    If it exists, it is valid; a list that was given is a tuple, an object is read-only.
    """

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    PATH: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for name, about in topic_fields(type(self)).items():
            value = getattr(self, name)
            if value is None and about.default is None:
                continue
            checked = about.metadata["check"](self.path(name), value)
            object.__setattr__(self, name, checked)
        self.validate()

    def validate(self) -> None:
        """Check what concerns several fields at once. Raises InvalidSpec."""

    @classmethod
    def path(cls, name: str) -> str:
        """Return a field's dotted path, as errors and policy name it."""
        return f"{cls.PATH}.{name}" if cls.PATH else name

    def to_json(self) -> dict[str, Any]:
        """Return plain data; `from_json` is its inverse."""
        return {name: _plain(getattr(self, name)) for name in topic_fields(type(self))}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """Parse untrusted data; null is the default. Raises InvalidSpec naming the field."""
        return cls(**cls.known(plain))

    @classmethod
    def known(cls, plain: Mapping[str, Any]) -> dict[str, Any]:
        """Return the constructor's arguments in plain data. Raises InvalidSpec."""
        for name in plain:
            if name not in topic_fields(cls):
                raise InvalidSpec(cls.path(str(name)), "there is no such field")
        given = {name: value for name, value in plain.items() if value is not None}
        for name, about in topic_fields(cls).items():
            needed = about.default is MISSING and about.default_factory is MISSING
            if needed and name not in given:
                raise InvalidSpec(cls.path(name), "is required")
        return given


_FIELDS: dict[type[Topic], dict[str, Field[Any]]] = {}
Kind = TypeVar("Kind", bound=Topic)


def topic_fields(kind: type[Topic]) -> dict[str, Field[Any]]:
    """Return a topic's fields by their names."""
    known = _FIELDS.get(kind)
    if known is None:
        known = _FIELDS[kind] = {about.name: about for about in dataclass_fields(kind)}
    return known


def asked(check: Check, default: Any = None) -> Any:
    """Return a dataclass field with a default."""
    if isinstance(default, Mapping):
        return field(default_factory=lambda: _NOTHING, metadata={"check": check})
    return field(default=default, metadata={"check": check})


def part(kind: type[Topic]) -> Any:
    """Return a dataclass field that holds a topic, by default one without wishes."""
    metadata = {"check": one(kind), "topic": kind}
    return field(default_factory=kind, metadata=metadata)


def by(check: Check) -> Mapping[str, Check]:
    """Return the metadata of a field without a default: `field(metadata=by(check))`."""
    return {"check": check}


def leaves(kind: type[Topic]) -> Iterator[str]:
    """Yield the dotted path of every single field, topics opened, lists not."""
    for name, about in topic_fields(kind).items():
        inner = about.metadata.get("topic")
        if inner is None:
            yield kind.path(name)
        else:
            yield from leaves(inner)


def value_at(topic: Topic, path: str) -> Any:
    """Return what stands at a dotted path that `leaves` yields."""
    found: Any = topic
    for name in path.split("."):
        found = getattr(found, name)
    return found


def text(path: str, value: Any) -> str:
    """Check for text."""
    return fields.text(path, value)


def flag(path: str, value: Any) -> bool:
    """Check for true or false."""
    fields.flag(path, value)
    return bool(value)


def whole(low: int, high: int) -> Check:
    """Check for a whole number from `low` to `high`."""

    def check(path: str, value: Any) -> int:
        if value is None:
            raise InvalidSpec(path, "is not a whole number")
        fields.whole(path, value, low, high)
        return int(value)

    return check


def number(low: float, high: float) -> Check:
    """Check for a number from `low` to `high`."""

    def check(path: str, value: Any) -> float:
        if not low <= fields.number(path, value) <= high:
            raise InvalidSpec(path, f"{value} is not between {low} and {high}")
        return float(value)

    return check


def one_of(*names: str) -> Check:
    """Check for one of the names."""

    def check(path: str, value: Any) -> str:
        if value not in names:
            raise InvalidSpec(path, f"{value!r} is none of {', '.join(names)}")
        return str(value)

    return check


def matching(expression: str, meaning: str) -> Check:
    """Check for text of which all matches; `meaning` says what it should be."""
    pattern = re.compile(expression)

    def check(path: str, value: Any) -> str:
        if not pattern.fullmatch(fields.text(path, value)):
            raise InvalidSpec(path, f"{value!r} is not {meaning}")
        return str(value)

    return check


def absolute(path: str, value: Any) -> str:
    """Check for an absolute path without `..`."""
    if not fields.text(path, value).startswith("/"):
        raise InvalidSpec(path, f"{value!r} is not absolute")
    if ".." in value.split("/"):
        raise InvalidSpec(path, f"{value!r} goes up by '..'")
    return str(value)


def several(check: Check) -> Check:
    """Check for a list of what `check` takes; returns a tuple."""

    def check_all(path: str, value: Any) -> tuple[Any, ...]:
        return tuple(check(path, entry) for entry in fields.items(path, value))

    return check_all


def numbered(kind: type[Kind]) -> Check:
    """Check for a list of topics; what is wrong with one is told with its place in the list."""
    check_one = one(kind)

    def check(path: str, value: Any) -> tuple[Any, ...]:
        found = []
        for place, entry in enumerate(fields.items(path, value)):
            try:
                found.append(check_one(path, entry))
            except InvalidSpec as wrong:
                field = wrong.field.replace(kind.PATH, f"{kind.PATH}[{place}]", 1)
                raise InvalidSpec(field, wrong.reason) from None
        return tuple(found)

    return check


def mapped(check_key: Check, check_value: Check) -> Check:
    """Check for an object by its keys and values; returns it read-only."""

    def check(path: str, value: Any) -> Mapping[str, Any]:
        given = fields.mapping(path, value)
        if len(given) > fields.MAX_ARGUMENTS:
            raise InvalidSpec(path, f"has more than {fields.MAX_ARGUMENTS} entries")
        return MappingProxyType(
            {check_key(path, key): check_value(f"{path}.{key}", one) for key, one in given.items()}
        )

    return check


def one(kind: type[Kind]) -> Check:
    """Check for a topic, or plain data that it parses."""

    def check(path: str, value: Any) -> Kind:
        if isinstance(value, kind):
            return value
        return kind.from_json(fields.mapping(path, value))

    return check


def _plain(value: Any) -> Any:
    if isinstance(value, Topic):
        return value.to_json()
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return value


TEXTS = several(text)
TEXT_MAP = mapped(text, text)
