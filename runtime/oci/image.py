"""The image configuration, read leniently where the spec says so (image-spec: config.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runtime.errors import InvalidSpec
from runtime.oci.digest import parse_digest

LONGEST_ARCHITECTURE = 32
"""Characters; Go's longest GOARCH has 11, and records of images keep no more than this."""
_INT64 = 1 << 63


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageHealth:
    """How an image wants its containers checked, as it says it: Docker's Healthcheck.

    Times are nanoseconds. What is 0, or less, is left open. OCI's image configuration knows no
    such thing; Docker keeps it beside OCI's fields.
    """

    test: tuple[str, ...] = ()
    interval_ns: int = 0
    timeout_ns: int = 0
    start_period_ns: int = 0
    start_interval_ns: int = 0
    retries: int = 0


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
    shell: tuple[str, ...] = ()
    health: ImageHealth | None = None
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
            shell=_texts("config.Shell", config.get("Shell")),
            health=_health(config.get("Healthcheck")),
            created=_text("created", plain.get("created") or ""),
        )


def _health(value: object) -> ImageHealth | None:
    if value is None:
        return None
    plain = _object("config.Healthcheck", value)
    return ImageHealth(
        test=_texts("config.Healthcheck.Test", plain.get("Test")),
        interval_ns=_whole("config.Healthcheck.Interval", plain.get("Interval")),
        timeout_ns=_whole("config.Healthcheck.Timeout", plain.get("Timeout")),
        start_period_ns=_whole("config.Healthcheck.StartPeriod", plain.get("StartPeriod")),
        start_interval_ns=_whole("config.Healthcheck.StartInterval", plain.get("StartInterval")),
        retries=_whole("config.Healthcheck.Retries", plain.get("Retries")),
    )


def _whole(field_name: str, value: object) -> int:
    """Return a number of Go's int64, 0 where there is none."""
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool) or not -_INT64 <= value < _INT64:
        raise InvalidSpec(field_name, f"{value!r:.200} is not a whole number of 64 bits")
    return value


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
