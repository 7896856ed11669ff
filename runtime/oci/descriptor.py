"""Descriptors, indexes and manifests as types (image-spec: descriptor.md, image-index.md,
manifest.md; the Docker media types of the same shapes are accepted)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runtime.errors import InvalidSpec
from runtime.oci.digest import parse_digest
from runtime.oci.platform import Platform

MAX_DOCUMENT = 4 * 1024 * 1024
"""Bytes of an index, manifest or configuration, as in containerd."""

MAX_LAYERS = 128
"""Layers of one image, as in Docker's overlay2."""

MAX_MANIFESTS = 1024

INDEX_TYPES = frozenset(
    {
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    }
)
MANIFEST_TYPES = frozenset(
    {
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    }
)
CONFIG_TYPES = frozenset(
    {
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.container.image.v1+json",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """What a piece of content is, how many bytes it has, and the digest they must have."""

    media_type: str
    digest: str
    size: int
    platform: Platform | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, where: str, plain: object) -> Descriptor:
        """Parse untrusted data. Raises InvalidSpec naming the field below `where`."""
        found = _object(where, plain)
        size = found.get("size")
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:
            raise InvalidSpec(f"{where}.size", f"{str(size)[:40]!r} is not a number of bytes")
        platform = found.get("platform")
        return cls(
            media_type=_text(f"{where}.mediaType", found.get("mediaType", "")),
            digest=parse_digest(f"{where}.digest", found.get("digest")),
            size=size,
            platform=Platform.from_json(f"{where}.platform", platform) if platform else None,
            annotations=_annotations(where, found.get("annotations") or {}),
        )


def parse_index(where: str, plain: object) -> tuple[Descriptor, ...]:
    """Return the manifests that an index lists. Raises InvalidSpec."""
    found = _versioned(where, plain)
    if "layers" in found or "config" in found:
        raise InvalidSpec(where, "is an index and a manifest at once")
    return _descriptors(f"{where}.manifests", found.get("manifests"), MAX_MANIFESTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One image for one platform: its configuration and its layers, bottom first."""

    config: Descriptor
    layers: tuple[Descriptor, ...]

    @classmethod
    def from_json(cls, where: str, plain: object) -> Manifest:
        """Parse untrusted data. Raises InvalidSpec naming the field."""
        found = _versioned(where, plain)
        if "manifests" in found:
            raise InvalidSpec(where, "is a manifest and an index at once")
        config = Descriptor.from_json(f"{where}.config", found.get("config"))
        if config.media_type not in CONFIG_TYPES:
            raise InvalidSpec(
                f"{where}.config.mediaType", f"{config.media_type[:80]!r} is not an image's"
            )
        layers = _descriptors(f"{where}.layers", found.get("layers"), MAX_LAYERS)
        return cls(config=config, layers=layers)


def _versioned(where: str, plain: object) -> Mapping[str, Any]:
    found = _object(where, plain)
    if found.get("schemaVersion") != 2:
        raise InvalidSpec(f"{where}.schemaVersion", "is not 2")
    return found


def _descriptors(where: str, plain: object, limit: int) -> tuple[Descriptor, ...]:
    if not isinstance(plain, list):
        raise InvalidSpec(where, "is not a list")
    if len(plain) > limit:
        raise InvalidSpec(where, f"has {len(plain)} entries, the limit is {limit}")
    return tuple(
        Descriptor.from_json(f"{where}[{number}]", entry) for number, entry in enumerate(plain)
    )


def _object(where: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidSpec(where, "is not an object")
    return value


def _text(where: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidSpec(where, "is not text")
    return value


def _annotations(where: str, value: object) -> Mapping[str, str]:
    found = _object(f"{where}.annotations", value)
    return {key: _text(f"{where}.annotations", text) for key, text in found.items()}
