"""The door to the image store: one object per engine, safe to use from many threads.

Images belong to a namespace (a team); blobs and layers are shared by digest. Each verb lives in
its own module; this class only hands over.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from runtime.config import EngineConfig
from runtime.content.blobs import Blobs
from runtime.errors import Conflict, NotFound
from runtime.events import ImageSummary, NullSink, Sink
from runtime.images.image import ResolvedImage
from runtime.images.index import Entry, Index
from runtime.images.load import MAX_DOCUMENT, WORK, Loader
from runtime.images.search import choose
from runtime.images.starter import starter_archive
from runtime.oci.image import ImageConfig
from runtime.snapshots.layers import Layers

_NULL = NullSink()
Entries = list[Entry]
InUse = Callable[[], Mapping[str, str]]
"""Answers which images a namespace's containers use: image id to the name of a container."""


class Images:
    """Load, find and delete images."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._blobs = Blobs(config.data)
        self._layers = Layers(config.data)
        self._index = Index(config.data)

    def load(self, archive: str | int, *, namespace: str, sink: Sink = _NULL) -> list[ImageSummary]:
        """Take in every image of an archive (docker-save or OCI layout; plain, gzip or zstd).

        `archive` is a path or an open file descriptor, which is read from where it stands and
        left open. Either all its images appear, or none. Raises InvalidSpec (`archive...`: what
        is wrong with it), Exhausted (a limit), Cancelled, FileNotFoundError, Unavailable (images
        were deleted meanwhile, over and over).
        """
        if isinstance(archive, str):
            source = os.open(archive, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                return self.load(source, namespace=namespace, sink=sink)
            finally:
                os.close(source)
        loader = Loader(
            data=self._config.data,
            blobs=self._blobs,
            layers=self._layers,
            sink=sink,
            owned={layer for one in self._index.entries(namespace) for layer in one.layers},
        )
        added = loader.load(archive, lambda new: self._name(namespace, new))
        return [entry.summary(namespace) for entry in added]

    def list(self, namespace: str | None = None) -> list[ImageSummary]:
        """Return the images of one namespace, or of all, newest first."""
        wanted = [namespace] if namespace is not None else self._index.namespaces()
        found = [one.summary(space) for space in wanted for one in self._index.entries(space)]
        return sorted(found, key=lambda image: -(image.created_ns or 0))

    def resolve(self, namespace: str, reference: str) -> ResolvedImage:
        """Find an image by name, digest, id or the beginning of an id.

        Raises NotFound, InvalidSpec("image", ...), Conflict (the beginning fits several).
        """
        entry, _ = choose(self._index.entries(namespace), reference)
        plain = json.loads(self._blobs.read(entry.id, limit=MAX_DOCUMENT))
        layers = [self._layers.find(chain_id) for chain_id in entry.layers]
        return ResolvedImage(
            id=entry.id,
            config=ImageConfig.from_json(plain),
            layers=tuple(self._layers.path(layer.chain_id) for layer in reversed(layers)),
            highest_id=max((layer.highest_id for layer in layers), default=0),
        )

    @contextmanager
    def held(self, namespace: str, reference: str) -> Iterator[ResolvedImage]:
        """Resolve, and keep the image from being deleted inside the `with`.

        Whoever makes a container resolves through this and leaves it when the container's record
        (which `in_use` then sees) is durable.
        """
        with self._index.locked(shared=True):
            yield self.resolve(namespace, reference)

    def delete(
        self, namespace: str, reference: str, *, in_use: InUse | Mapping[str, str]
    ) -> ImageSummary:
        """Remove a name, and with the last name the image and what no other image needs.

        By id, all its names go. `in_use` maps image ids to the containers of this namespace that
        use them (a callable is asked under the lock that `held` shares). Returns what is left of
        the image: no references = it is gone. Raises NotFound, Conflict naming the container.
        """
        with self._index.locked():
            entries = self._index.entries(namespace)
            entry, name = choose(entries, reference)
            left = tuple(one for one in entry.references if name and one != name)
            others = [one for one in entries if one.id != entry.id]
            if left:
                self._index.write(namespace, [*others, replace(entry, references=left)])
                return replace(entry, references=left).summary(namespace)
            users = in_use() if callable(in_use) else in_use
            if entry.id in users:
                raise Conflict(f"image {reference} is used by container {users[entry.id]}")
            self._index.write(namespace, others)
            self._sweep(entry)
        return replace(entry, references=()).summary(namespace)

    def starter(self, namespace: str, *, busybox: str = "/bin/busybox") -> ImageSummary:
        """Make `starter:latest` from a static busybox: applets, users, /tmp. The same busybox
        gives the same image id everywhere. Raises NotFound("file", busybox)."""
        with tempfile.TemporaryFile() as file:
            file.write(starter_archive(busybox))
            file.flush()
            os.lseek(file.fileno(), 0, os.SEEK_SET)
            return self.load(file.fileno(), namespace=namespace)[0]

    def recover(self) -> Sequence[str]:
        """Remove what interrupted loads left; return one sentence for each."""
        repaired = list(self._layers.leftovers())
        with suppress(FileNotFoundError):
            for name in os.listdir(self._config.uploads):
                owner = name.removeprefix(WORK).partition("-")[0]
                if name.startswith(WORK) and not os.path.exists(f"/proc/{owner}"):
                    shutil.rmtree(f"{self._config.uploads}/{name}", ignore_errors=True)
                    repaired.append(f"removed the half-done load {name}")
        return repaired

    def _name(self, namespace: str, new: Entries) -> Entries | None:
        """Name what was unpacked; None where a deletion took some of it: nobody needed it yet."""
        with self._index.locked():
            if not all(self._is_whole(entry) for entry in new):
                return None
            return self._index.add(namespace, new)

    def _is_whole(self, entry: Entry) -> bool:
        try:
            for chain_id in entry.layers:
                self._layers.find(chain_id)
        except NotFound:
            return False
        return self._blobs.has(entry.id)

    def _sweep(self, gone: Entry) -> None:
        """Remove the blob and the layers that no image of any namespace needs."""
        entries = [one for space in self._index.namespaces() for one in self._index.entries(space)]
        needed = {chain_id for one in entries for chain_id in one.layers}
        if gone.id not in {one.id for one in entries}:
            self._blobs.delete(gone.id)
        for chain_id in gone.layers:
            if chain_id not in needed:
                self._layers.delete(chain_id)
