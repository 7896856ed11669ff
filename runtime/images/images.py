"""The door to the image store: one object per engine, safe to use from many threads.

Images belong to a namespace (a team); blobs and layers are shared by digest. Each verb lives in
its own module; this class only hands over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from runtime.config import EngineConfig
from runtime.events import ImageSummary, NullSink, Sink
from runtime.images.image import ResolvedImage

InUse = Callable[[], Mapping[str, str]]
"""Answers which images a namespace's containers use: image id to the name of a container."""


class Images:
    """Load, find and delete images."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config

    def load(
        self, archive: str | int, *, namespace: str, sink: Sink = NullSink()
    ) -> list[ImageSummary]:
        """Take in every image of an archive (docker-save or OCI layout; plain, gzip or zstd).

        `archive` is a path or an open file descriptor, which is read from where it stands and
        left open. Either all its images appear, or none. Raises InvalidSpec (`archive...`: what
        is wrong with it), Exhausted (a limit), Cancelled.
        """
        raise NotImplementedError

    def list(self, namespace: str | None = None) -> list[ImageSummary]:
        """Return the images of one namespace, or of all, newest first."""
        raise NotImplementedError

    def resolve(self, namespace: str, reference: str) -> ResolvedImage:
        """Find an image by name, digest, id or the beginning of an id.

        Raises NotFound, InvalidSpec("image", ...), Conflict (the beginning fits several).
        """
        raise NotImplementedError

    @contextmanager
    def held(self, namespace: str, reference: str) -> Iterator[ResolvedImage]:
        """Resolve, and keep the image from being deleted inside the `with`.

        Whoever makes a container resolves through this and leaves it when the container's record
        (which `in_use` then sees) is durable.
        """
        raise NotImplementedError
        yield

    def delete(
        self, namespace: str, reference: str, *, in_use: InUse | Mapping[str, str]
    ) -> ImageSummary:
        """Remove a name, and with the last name the image and what no other image needs.

        By id, all its names go. `in_use` maps image ids to the containers of this namespace that
        use them (a callable is asked under the lock that `held` shares). Returns what is left of
        the image: no references = it is gone. Raises NotFound, Conflict naming the container.
        """
        raise NotImplementedError

    def starter(self, namespace: str, *, busybox: str = "/bin/busybox") -> ImageSummary:
        """Make `starter:latest` from a static busybox: applets, users, /tmp. The same busybox
        gives the same image id everywhere. Raises NotFound("file", busybox)."""
        raise NotImplementedError

    def recover(self) -> list[str]:
        """Remove what interrupted loads left, and uploads nobody took for a day; name it."""
        raise NotImplementedError
