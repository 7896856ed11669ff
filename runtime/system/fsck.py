"""Look for what does not belong together in one instance's store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from runtime.config import EngineConfig
from runtime.content.blobs import Blobs, verify
from runtime.errors import InvalidSpec, NotFound
from runtime.images.index import Index
from runtime.snapshots.layers import Layers


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something wrong: `kind` is damaged-blob, missing-blob or missing-layer."""

    kind: str
    subject: str
    detail: str
    repaired: bool = False

    def __str__(self) -> str:
        done = " (repaired)" if self.repaired else ""
        return f"{self.kind} {self.subject}: {self.detail}{done}"


def fsck(config: EngineConfig, *, repair: bool) -> list[Finding]:
    """Return what is wrong with the store. `repair` moves damaged blobs out of the way, to
    `quarantine/`, so that a new load heals them."""
    return [*_blobs(config, repair), *_images(config)]


def _blobs(config: EngineConfig, repair: bool) -> Iterator[Finding]:
    blobs = Blobs(config.data)
    for digest in blobs.walk():
        try:
            verify(blobs.path(digest), digest)
        except InvalidSpec as wrong:
            if repair:
                os.makedirs(f"{config.data}/quarantine", mode=0o700, exist_ok=True)
                os.rename(blobs.path(digest), f"{config.data}/quarantine/{digest[7:]}")
            yield Finding(kind="damaged-blob", subject=digest, detail=wrong.reason, repaired=repair)


def _images(config: EngineConfig) -> Iterator[Finding]:
    index, blobs, layers = Index(config.data), Blobs(config.data), Layers(config.data)
    for namespace in index.namespaces():
        for entry in index.entries(namespace):
            if not blobs.has(entry.id):
                yield Finding(
                    kind="missing-blob",
                    subject=entry.id,
                    detail=f"an image of {namespace}: load it again",
                )
            for chain_id in entry.layers:
                try:
                    layers.find(chain_id)
                except NotFound:
                    yield Finding(
                        kind="missing-layer",
                        subject=chain_id,
                        detail=f"of {entry.id} in {namespace}: load it again",
                    )
