"""Archives on their way from a browser to the bulk worker: one file per upload, named by its id."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from panel.operations.models import UNFINISHED, Operation
from runtime.errors import Exhausted, InvalidSpec

LARGEST_BYTES = 64 * 1024**3
RESERVE_BYTES = 256 * 1024**2
"""What an upload must leave free on the disk, so that deleting always works."""
ABANDONED_SECONDS = 86_400.0
CHECK_EVERY_BYTES = 16 * 1024**2


def store(directory: str, upload: str, chunks: Iterable[bytes], size: int | None) -> dict[str, Any]:
    """Write the chunks to `directory/upload` and return `{upload, size, sha256}`.

    Nothing stays where it breaks off. Raises Exhausted for what is too large or does not fit on
    the disk, InvalidSpec where `size` bytes were announced and others came.
    """
    path = f"{directory}/{upload}"
    os.makedirs(directory, mode=0o700, exist_ok=True)
    try:
        return {"upload": upload, **_write(path, chunks, size)}
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(path)
        raise


def drop_abandoned(directory: str, *, older_than_seconds: float = ABANDONED_SECONDS) -> int:
    """Remove uploads that no unfinished operation names and that are old; say how many."""
    now = time.time()
    dropped = 0
    with suppress(FileNotFoundError):
        for entry in os.scandir(directory):
            old = now - entry.stat(follow_symlinks=False).st_mtime > older_than_seconds
            if old and not _is_wanted(entry.name):
                os.unlink(entry.path)
                dropped += 1
    return dropped


def _is_wanted(upload: str) -> bool:
    unfinished = Operation.objects.filter(status__in=UNFINISHED)
    return unfinished.filter(params__upload=upload).exists()


def _write(path: str, chunks: Iterable[bytes], size: int | None) -> dict[str, Any]:
    digest, written, checked = hashlib.sha256(), 0, 0
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags, 0o600), "wb", buffering=0) as file:
        for chunk in chunks:
            written += len(chunk)
            if written > LARGEST_BYTES:
                raise Exhausted(f"the upload is larger than {LARGEST_BYTES} bytes")
            if written >= checked:
                _require_room(os.path.dirname(path))
                checked = written + CHECK_EVERY_BYTES
            digest.update(chunk)
            _write_whole(file.fileno(), chunk)
    if size is not None and written != size:
        raise InvalidSpec("body", f"{size} bytes were announced, {written} came")
    return {"size": written, "sha256": digest.hexdigest()}


def _write_whole(fd: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(fd, view) :]


def _require_room(directory: str) -> None:
    free = shutil.disk_usage(directory).free
    if free < RESERVE_BYTES:
        raise Exhausted(f"the node's disk has only {free} bytes left; remove images or containers")
