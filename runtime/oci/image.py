"""The image configuration, read leniently where the spec says so (image-spec: config.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runtime.errors import InvalidSpec
from runtime.oci.digest import parse_digest

LONGEST_ARCHITECTURE = 32
"""Characters; Go's longest GOARCH has 11, and records of images keep no more than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageConfig:
    """The parts of an image's configuration that say how a container of it runs."""

    architecture: str
    os: str
    diff_ids: tuple[str, ...]
    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    working_dir: str = ""
    user: str = ""
    stop_signal: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    created: str = ""

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> ImageConfig:
        """Parse untrusted data. Raises InvalidSpec naming the field."""
        config = _object("config", plain.get("config") or {})
        rootfs = _object("rootfs", plain.get("rootfs") or {})
        return cls(
            architecture=_short("architecture", plain.get("architecture") or ""),
            os=_text("os", plain.get("os") or ""),
            diff_ids=tuple(
                parse_digest(f"rootfs.diff_ids[{number}]", text)
                for number, text in enumerate(_texts("rootfs.diff_ids", rootfs.get("diff_ids")))
            ),
            env=_texts("config.Env", config.get("Env")),
            entrypoint=_texts("config.Entrypoint", config.get("Entrypoint")),
            cmd=_texts("config.Cmd", config.get("Cmd")),
            working_dir=_text("config.WorkingDir", config.get("WorkingDir") or ""),
            user=_text("config.User", config.get("User") or ""),
            stop_signal=_text("config.StopSignal", config.get("StopSignal") or ""),
            labels={
                _text("config.Labels", key): _text("config.Labels", value)
                for key, value in _object("config.Labels", config.get("Labels") or {}).items()
            },
            created=_text("created", plain.get("created") or ""),
        )


def _object(field_name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidSpec(field_name, "is not an object")
    return value


def _text(field_name: str, value: object) -> str:
    if not isinstance(value, str) or "\0" in value or not _is_unicode(value):
        raise InvalidSpec(field_name, f"{value!r:.200} is not text without NUL")
    return value


def _is_unicode(text: str) -> bool:
    """Say whether there is UTF-8 for it: JSON can write halves of surrogate pairs."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _short(field_name: str, value: object) -> str:
    text = _text(field_name, value)
    if len(text) > LONGEST_ARCHITECTURE:
        raise InvalidSpec(field_name, f"is longer than {LONGEST_ARCHITECTURE} characters")
    return text


def _texts(field_name: str, value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise InvalidSpec(field_name, "is not a list")
    return tuple(_text(f"{field_name}[{number}]", text) for number, text in enumerate(value))
