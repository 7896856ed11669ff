"""The image store of the tests' engine: names in memory, manifests of real archives."""

from __future__ import annotations

import hashlib
import json
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from runtime.errors import Cancelled, Conflict, InvalidSpec, NotFound
from runtime.events import ImageSummary, NullSink, Progress, Sink
from runtime.images.image import ResolvedImage
from runtime.oci.image import ImageConfig

_NULL = NullSink()
STARTER = "starter:latest"
CONFIG = ImageConfig(architecture="amd64", os="linux", diff_ids=(), cmd=("sh",))
Summaries = list[ImageSummary]


class FakeImages:
    """Load, find and delete images."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._all: dict[tuple[str, str], ImageSummary] = {}

    def starter(self, namespace: str, *, busybox: str = "/bin/busybox") -> ImageSummary:
        """Make `starter:latest`."""
        return self.add(namespace, STARTER)

    def add(self, namespace: str, reference: str) -> ImageSummary:
        """Let there be an image of this name."""
        digest = f"sha256:{hashlib.sha256(reference.encode()).hexdigest()}"
        with self._lock:
            known = self._all.get((namespace, digest))
            names = dict.fromkeys((*(known.references if known else ()), reference))
            summary = ImageSummary(
                id=digest,
                namespace=namespace,
                references=tuple(names),
                size=1024,
                created_ns=time.time_ns(),
                architecture="amd64",
            )
            self._all[namespace, digest] = summary
            return summary

    def load(self, archive: str | int, *, namespace: str, sink: Sink = _NULL) -> Summaries:
        """Take in the images that an archive's manifest.json names."""
        if sink.cancelled():
            raise Cancelled("stopped before the archive was read")
        sink.progress(Progress(step=1, steps=2, name="read the archive"))
        try:
            with open(archive, "rb") as file, tarfile.open(fileobj=file) as tar:
                manifest = tar.extractfile("manifest.json")
                assert manifest is not None
                entries = json.load(manifest)
        except (tarfile.TarError, KeyError, ValueError) as wrong:
            raise InvalidSpec("archive", f"is not an image archive: {wrong}") from None
        sink.progress(Progress(step=2, steps=2, name="keep the layers"))
        names = [name for entry in entries for name in entry.get("RepoTags") or ()]
        return [self.add(namespace, name) for name in names]

    def recover(self) -> list[str]:
        """Nothing breaks here."""
        return []

    def list(self, namespace: str | None = None) -> Summaries:
        """Return the images of one namespace, or of all."""
        with self._lock:
            return [
                one for one in self._all.values() if namespace is None or one.namespace == namespace
            ]

    def resolve(self, namespace: str, reference: str) -> ResolvedImage:
        """Find an image by name or id."""
        found = self._find(namespace, reference)
        return ResolvedImage(id=found.id, config=CONFIG, layers=())

    @contextmanager
    def held(self, namespace: str, reference: str) -> Iterator[ResolvedImage]:
        """Resolve, and keep it from being deleted."""
        with self._lock:
            yield self.resolve(namespace, reference)

    def delete(
        self,
        namespace: str,
        reference: str,
        *,
        in_use: Callable[[], Mapping[str, str]] | Mapping[str, str],
    ) -> ImageSummary:
        """Remove the image unless a container uses it."""
        with self._lock:
            found = self._find(namespace, reference)
            used = in_use() if callable(in_use) else in_use
            if found.id in used:
                raise Conflict(f"image {reference} is used by container {used[found.id]}")
            del self._all[namespace, found.id]
            return ImageSummary(
                id=found.id,
                namespace=namespace,
                references=(),
                size=found.size,
                created_ns=found.created_ns,
                architecture=found.architecture,
            )

    def _find(self, namespace: str, reference: str) -> ImageSummary:
        full = reference if ":" in reference else f"{reference}:latest"
        for one in self.list(namespace):
            if full in one.references or reference == one.id:
                return one
        raise NotFound("image", reference)
