"""Take the images of an archive in: apart first, each layer unpacked, names last."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from runtime.archive.limits import Limits
from runtime.archive.split import Parts
from runtime.archive.unpacker import Watch, take_apart
from runtime.content.blobs import Blobs, verify
from runtime.errors import Cancelled, Exhausted, InvalidSpec, RuntimeFault, Unavailable
from runtime.events import Progress, Sink
from runtime.images.index import Entry
from runtime.images.layouts import Found, Member, find_images
from runtime.oci.digest import chain_ids
from runtime.oci.image import ImageConfig
from runtime.oci.platform import machine_platform
from runtime.snapshots.layers import Layers

MAX_DOCUMENT = 4 * 1024 * 1024
MAX_LAYERS = 128
MAX_LINKS = 8
WORK = "loading-"
_TRIES = 5
Name = Callable[[list[Entry]], list[Entry] | None]
"""Gives images their names; None: a layer was deleted again before it could."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loader:
    """One load: where things go, and who listens."""

    data: str
    blobs: Blobs
    layers: Layers
    sink: Sink
    owned: set[str] = field(default_factory=set)
    """Chain ids of layers that the namespace's images have, or that came with this archive."""
    limits: Limits = field(default_factory=Limits)

    def load(self, source: int, name: Name) -> list[Entry]:
        """Unpack every image of the archive that `source` reads, then `name` them all.

        Raises InvalidSpec("archive", ...), Exhausted, Cancelled, Unavailable.
        """
        with _work(self.data) as directory:
            target = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                total = os.fstat(source).st_size or None
                parts = take_apart(source, target, self.limits, self._watch(1, "read", total))
            finally:
                os.close(target)
            opened = _Opened(directory, parts)
            names = {*parts.files, *parts.links}
            host = machine_platform(os.uname().machine)
            found = find_images(names, opened.read, host)
            for _ in range(_TRIES):
                named = name([self._image(each, opened) for each in found])
                if named is not None:
                    return named
        raise Unavailable("images were deleted while this was loaded: load it again")

    def _image(self, found: Found, opened: _Opened) -> Entry:
        document = opened.read(found.config.name)
        if found.config.digest:
            verify(opened.file(found.config.name), found.config.digest)
        config = ImageConfig.from_json(_parsed(document))
        if len(config.diff_ids) != len(found.layers):
            raise InvalidSpec("archive", "its configuration and its manifest differ in layers")
        if len(found.layers) > MAX_LAYERS:
            raise Exhausted(f"the image has more than {MAX_LAYERS} layers")
        chain = chain_ids(config.diff_ids)
        size = 0
        for number, member in enumerate(found.layers):
            watch = self._watch(2 + number, f"unpack layer {number + 1}", None, len(chain) + 1)
            size += self._layer(member, opened, (chain[number], config.diff_ids[number]), watch)
        return Entry(
            id=self.blobs.add(document),
            references=found.references,
            layers=chain,
            size=size,
            architecture=config.architecture,
            created_ns=_nanoseconds(config.created),
        )

    def _layer(self, member: Member, opened: _Opened, ids: tuple[str, str], watch: Watch) -> int:
        if self.sink.cancelled():
            raise Cancelled("the load was cancelled")
        file = opened.file(member.name)
        if member.digest:
            verify(file, member.digest)
        source = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        owned = ids[0] in self.owned
        try:
            layer = self.layers.unpack(*ids, source, watch, self.limits, owned=owned)
            self.owned.add(layer.chain_id)
            return layer.size
        finally:
            os.close(source)

    def _watch(self, step: int, name: str, total: int | None, steps: int = 2) -> Watch:
        def report(done: int) -> None:
            self.sink.progress(
                Progress(step=step, steps=max(steps, step), name=name, done=done, total=total)
            )

        return Watch(report=report, cancelled=self.sink.cancelled)


class _Opened:
    """An archive that was taken apart: its members are numbered files in one directory."""

    def __init__(self, directory: str, parts: Parts) -> None:
        self._directory = directory
        self._parts = parts

    def file(self, name: str) -> str:
        for _ in range(MAX_LINKS):
            if name in self._parts.files:
                return f"{self._directory}/{self._parts.files[name][0]}"
            if name not in self._parts.links:
                raise InvalidSpec("archive", f"lacks {name[:200]!r}")
            name = self._parts.links[name]
        raise InvalidSpec("archive", f"{name[:200]!r} is a chain of links")

    def read(self, name: str) -> bytes:
        with open(self.file(name), "rb") as file:
            content = file.read(MAX_DOCUMENT + 1)
        if len(content) > MAX_DOCUMENT:
            raise Exhausted(f"{name[:200]!r} has more than {MAX_DOCUMENT} bytes")
        return content


@contextmanager
def _work(data: str) -> Iterator[str]:
    os.makedirs(f"{data}/uploads", mode=0o700, exist_ok=True)
    directory = tempfile.mkdtemp(prefix=f"{WORK}{os.getpid()}-", dir=f"{data}/uploads")
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _parsed(document: bytes) -> dict[str, object]:
    try:
        plain = json.loads(document)
    except (ValueError, RecursionError):
        plain = None
    if not isinstance(plain, dict):
        raise InvalidSpec("archive", "its image configuration is not a JSON object")
    return plain


def _nanoseconds(text: str) -> int | None:
    try:
        return int(datetime.fromisoformat(text[:19] + "+00:00").timestamp()) * 10**9
    except (ValueError, OverflowError, RuntimeFault):
        return None
