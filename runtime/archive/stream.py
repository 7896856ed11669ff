"""A decompressed stream for one reader: hashed and bounded in a thread of its own.

Decompression, hashing and the writing of files overlap, since each lets go of the interpreter.
"""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Callable

from runtime.archive.decompress import RawFile, decompress
from runtime.archive.limits import RATIO_FREE, Limits
from runtime.errors import Exhausted, InvalidSpec

_PIECES_AHEAD = 8

_Filled = bytes | BaseException | None


class Stream:
    """Reads `fd` to its end; use it in a `with`. `digest` is valid after `finish`.

    Every method raises InvalidSpec("archive", ...) for damaged data and Exhausted at a limit.
    """

    def __init__(self, fd: int, limits: Limits, *, hashed: bool = True) -> None:
        self._raw = RawFile(fd)
        self._limits = limits
        self._sum = hashlib.sha256() if hashed else None
        self._queue: queue.Queue[_Filled] = queue.Queue(_PIECES_AHEAD)
        self._stopped = False
        self._total = 0
        self._piece = memoryview(b"")
        self._thread = threading.Thread(target=self._produce, daemon=True)

    def __enter__(self) -> Stream:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopped = True
        while self._thread.is_alive():
            try:
                self._queue.get(timeout=0.05)
            except queue.Empty:
                continue
        self._thread.join()

    @property
    def consumed(self) -> int:
        """Compressed bytes read so far."""
        return self._raw.total

    @property
    def digest(self) -> str:
        """The digest of the whole decompressed stream."""
        return f"sha256:{self._sum.hexdigest()}" if self._sum else ""

    def read(self, size: int) -> bytes:
        """Return exactly `size` bytes; keep `size` small."""
        if len(self._piece) >= size:
            taken = bytes(self._piece[:size])
            self._piece = self._piece[size:]
            return taken
        parts: list[memoryview] = []
        self.copy(size, parts.append)
        return b"".join(parts)

    def read_or_end(self, size: int) -> bytes:
        """Return exactly `size` bytes, or none where the stream ends just here."""
        if not self._piece and not self._fill():
            return b""
        return self.read(size)

    def copy(self, size: int, take: Callable[[memoryview], object]) -> None:
        """Hand exactly `size` bytes to `take`, piece by piece."""
        while size:
            if not self._piece and not self._fill():
                raise InvalidSpec("archive", "is cut off")
            part = self._piece[:size]
            take(part)
            self._piece = self._piece[len(part) :]
            size -= len(part)

    def skip(self, size: int) -> None:
        """Pass over exactly `size` bytes."""
        self.copy(size, len)

    def finish(self) -> None:
        """Read whatever is left, so that `digest` covers all."""
        while self._fill():
            continue

    def _fill(self) -> bool:
        piece = self._queue.get()
        if piece is None:
            self._queue.put(None)
            self._piece = memoryview(b"")
            return False
        if isinstance(piece, BaseException):
            self._queue.put(piece)
            raise piece
        self._piece = memoryview(piece)
        return True

    def _produce(self) -> None:
        end: BaseException | None = None
        try:
            for piece in decompress(self._raw):
                self._check(len(piece))
                if self._sum:
                    self._sum.update(piece)
                self._queue.put(piece)
                if self._stopped:
                    return
        except BaseException as error:  # noqa: BLE001 - handed to the reading thread
            end = error
        self._queue.put(end)

    def _check(self, size: int) -> None:
        self._total += size
        limits = self._limits
        if self._total > limits.unpacked:
            raise Exhausted(f"the archive unpacks to more than {limits.unpacked} bytes")
        if self._total > RATIO_FREE and self._total > limits.ratio * self.consumed:
            raise Exhausted(
                f"the archive unpacks to more than {limits.ratio} times its size: "
                f"{self._total} bytes from {self.consumed}"
            )
