"""Unpacked layers: `layers/<chain id>/fs`, image ids on disk, with what is known beside it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass

from runtime.archive.limits import Limits
from runtime.archive.unpacker import Watch, read_layer, unpack_layer
from runtime.errors import InvalidSpec, NotFound
from runtime.oci.digest import hex_of, parse_digest
from runtime.state import durable, locks

OPAQUE = "trusted.overlay.opaque"
"""Hides the same directory of the layers below (overlayfs, "whiteouts and opaque directories")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What is known of an unpacked layer; `size` in bytes of file content."""

    chain_id: str
    diff_id: str
    size: int
    highest_id: int


class Layers:
    """The layers below one data root; safe for several processes."""

    def __init__(self, data: str) -> None:
        self._directory = f"{data}/layers"

    def path(self, chain_id: str) -> str:
        """Return the directory that serves as an overlay's lower."""
        return f"{self._directory}/{_name(chain_id)}/fs"

    def find(self, chain_id: str) -> Layer:
        """Return what is known of a layer. Raises NotFound, InvalidSpec for what is no digest."""
        try:
            plain = json.loads(durable.read(f"{self._directory}/{_name(chain_id)}/layer.json"))
        except (FileNotFoundError, NotFound):
            raise NotFound("layer", chain_id) from None
        layer = Layer(**plain)
        if layer.chain_id != chain_id:
            raise NotFound("layer", chain_id)
        return layer

    def unpack(
        self,
        chain_id: str,
        diff_id: str,
        source: int,
        watch: Watch,
        limits: Limits,
        *,
        owned: bool = False,
    ) -> Layer:
        """Unpack the layer that `source` reads, unless it is there. It appears whole or not at all.

        A digest is no secret, and what it names may be: of a layer that is there, and that the
        caller's images do not have already (`owned`), `source` has to be read all the same. Raises
        InvalidSpec where its content is not `diff_id`, and what `unpack_layer` raises.
        """
        name = _name(chain_id)
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        with self._locked(name):
            with suppress(NotFound):
                layer = self.find(chain_id)
                if not owned:
                    self._compare(source, diff_id, watch, limits)
                return layer
            work = f"{self._directory}/.{name}.tmp"
            shutil.rmtree(work, ignore_errors=True)
            try:
                layer = self._fill(work, chain_id, source, watch, limits)
                _expect(diff_id, layer.diff_id)
                os.rename(work, f"{self._directory}/{name}")
                durable.sync_directory(self._directory)
            finally:
                shutil.rmtree(work, ignore_errors=True)
        return layer

    def delete(self, chain_id: str) -> None:
        """Remove a layer if it is there; its name goes first."""
        name = _name(chain_id)
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        with self._locked(name):
            trash = f"{self._directory}/.{name}.gone"
            with suppress(FileNotFoundError):
                os.rename(f"{self._directory}/{name}", trash)
            shutil.rmtree(trash, ignore_errors=True)
            os.unlink(f"{self._directory}/.{name}.lock")

    def leftovers(self) -> Iterator[str]:
        """Remove what interrupted unpackings and removals left, and yield each one's name."""
        with suppress(FileNotFoundError):
            for name in os.listdir(self._directory):
                if name.endswith((".tmp", ".gone")):
                    with self._locked(name[1:65]):
                        shutil.rmtree(f"{self._directory}/{name}", ignore_errors=True)
                    yield f"removed the half-done layer {name[1:13]}"

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        """Hold a layer's lock. Whoever deletes a layer takes the lock's name off while it holds it:
        then it locks nothing any more, and this goes for the one that stands there now."""
        while True:
            try:
                fd = locks.acquire(f"{self._directory}/.{name}.lock")
            except NotFound:
                if not os.path.isdir(self._directory):
                    raise
                continue
            break
        try:
            yield
        finally:
            os.close(fd)

    def _compare(self, source: int, diff_id: str, watch: Watch, limits: Limits) -> None:
        place = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _expect(diff_id, read_layer(source, place, limits, watch))
        finally:
            os.close(place)

    def _fill(self, work: str, chain_id: str, source: int, watch: Watch, limits: Limits) -> Layer:
        os.makedirs(f"{work}/fs", mode=0o755)
        os.chmod(work, 0o700)
        target = os.open(f"{work}/fs", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            done = unpack_layer(source, target, limits, watch)
            for directory in done.opaque:
                _mark_opaque(target, directory)
        finally:
            os.close(target)
        layer = Layer(
            chain_id=chain_id, diff_id=done.diff_id, size=done.size, highest_id=done.highest_id
        )
        durable.replace_durably(f"{work}/layer.json", json.dumps(asdict(layer)).encode())
        return layer


def _expect(promised: str, found: str) -> None:
    if found != promised:
        raise InvalidSpec("archive", f"has the layer {found} where {promised} was promised")


def _name(chain_id: str) -> str:
    """Return the name of a layer's directory; nothing else than a digest ever becomes a path."""
    return hex_of(parse_digest("layer", chain_id))


def _mark_opaque(root: int, directory: bytes) -> None:
    """Walk there component by component, so that no symlink of the layer is followed."""
    fd = os.dup(root)
    try:
        for part in filter(None, directory.split(b"/")):
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            deeper = os.open(part, flags, dir_fd=fd)
            os.close(fd)
            fd = deeper
        os.setxattr(fd, OPAQUE, b"y")
    finally:
        os.close(fd)
