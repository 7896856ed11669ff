"""Blobs by digest: `blobs/sha256/<hex>`, verified before they get their name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress

from runtime.errors import Exhausted, InvalidSpec, NotFound
from runtime.oci.digest import digest_of, hex_of, parse_digest
from runtime.state import durable


class Blobs:
    """The blobs below one data root; safe for several processes."""

    def __init__(self, data: str) -> None:
        self._directory = f"{data}/blobs/sha256"

    def path(self, digest: str) -> str:
        """Return where the blob is or would be."""
        return f"{self._directory}/{hex_of(parse_digest('digest', digest))}"

    def has(self, digest: str) -> bool:
        """Say whether the blob is there."""
        return os.path.exists(self.path(digest))

    def add(self, content: bytes) -> str:
        """Keep `content` and return its digest."""
        digest = digest_of(content)
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        durable.add_durably(self.path(digest), content)
        return digest

    def adopt(self, file: str, digest: str) -> None:
        """Move `file` in as the blob `digest`. Raises InvalidSpec where its content is another."""
        verify(file, digest)
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        os.rename(file, self.path(digest))
        durable.sync_directory(self._directory)

    def read(self, digest: str, *, limit: int) -> bytes:
        """Return a small blob. Raises NotFound, Exhausted where it has more than `limit` bytes."""
        try:
            with open(self.path(digest), "rb") as file:
                content = file.read(limit + 1)
        except FileNotFoundError:
            raise NotFound("blob", digest) from None
        if len(content) > limit:
            raise Exhausted(f"blob {digest} has more than {limit} bytes")
        return content

    def delete(self, digest: str) -> None:
        """Remove the blob if it is there."""
        with suppress(FileNotFoundError):
            os.unlink(self.path(digest))

    def walk(self) -> Iterator[str]:
        """Yield the digests of all blobs."""
        with suppress(FileNotFoundError):
            for name in sorted(os.listdir(self._directory)):
                if len(name) == 64:
                    yield f"sha256:{name}"


def verify(file: str, digest: str) -> None:
    """Raise InvalidSpec unless the content of `file` has `digest`."""
    with open(file, "rb") as opened:
        found = f"sha256:{hashlib.file_digest(opened, 'sha256').hexdigest()}"
    if found != digest:
        raise InvalidSpec("archive", f"has {found} where {digest} was promised")
