"""What the image store hands out to those who start containers."""

from __future__ import annotations

from dataclasses import dataclass

from runtime.oci.image import ImageConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedImage:
    """An image found by name: everything that a container of it needs.

    `id` is the digest of the configuration (`sha256:<hex>`). `layers` are directories with image
    ids (0-based) on disk, topmost first, ready to be overlay's lower directories. `highest_id` is
    the greatest user or group id in them: 65,536 and above lie outside a container's range.
    """

    id: str
    config: ImageConfig
    layers: tuple[str, ...]
    highest_id: int = 0
