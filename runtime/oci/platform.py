"""Which of several images fits a machine (image-spec: image-index.md, "platform")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runtime.errors import InvalidSpec

_GO_NAMES = {
    "x86_64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "i686": ("386", ""),
    "i386": ("386", ""),
    "ppc64le": ("ppc64le", ""),
    "s390x": ("s390x", ""),
    "riscv64": ("riscv64", ""),
    "loongarch64": ("loong64", ""),
}
_DEFAULT_VARIANTS = {"arm64": "v8", "arm": "v7", "amd64": "v1"}


@dataclass(frozen=True, slots=True)
class Platform:
    """An operating system and a processor architecture, in Go's words."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        """Return `linux/arm64/v8` style text."""
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    @classmethod
    def from_json(cls, field: str, plain: object) -> Platform:
        """Parse untrusted data. Raises InvalidSpec naming `field`."""
        if not isinstance(plain, Mapping):
            raise InvalidSpec(field, "is not an object")
        return cls(
            _text(field, plain, "os"),
            _text(field, plain, "architecture"),
            _text(field, plain, "variant"),
        )


def machine_platform(machine: str) -> Platform:
    """Return the platform of a machine that calls itself `machine` (uname(2))."""
    architecture, variant = _GO_NAMES.get(machine, (machine, ""))
    return Platform("linux", architecture, variant)


def runs_on(image: Platform, host: Platform) -> bool:
    """Say whether an image for `image` is meant for exactly `host`."""
    if (image.os, image.architecture) != (host.os, host.architecture):
        return False
    default = _DEFAULT_VARIANTS.get(host.architecture, "")
    return (image.variant or default) == (host.variant or default)


def _text(field: str, plain: Mapping[str, Any], key: str) -> str:
    value = plain.get(key, "")
    if not isinstance(value, str):
        raise InvalidSpec(f"{field}.{key}", "is not text")
    return value
