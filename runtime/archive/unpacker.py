"""Start the unpacking process and listen to it; see `child` for what the two say."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Any

import runtime
from runtime.archive.child import fault_from_json
from runtime.archive.extract import Unpacked
from runtime.archive.limits import Limits
from runtime.archive.split import Parts
from runtime.errors import Cancelled, InvalidSpec, Unavailable

_BOOT = (
    "import sys, json; job = json.loads(sys.argv[1]); sys.path[:0] = job['path']; "
    "from runtime.archive.child import main; main(job)"
)
_POLL_SECONDS = 0.2
_MAX_LINE = 64 * 1024 * 1024
_MAX_ERROR = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How the caller follows the work: `report` gets compressed bytes read, `cancelled` is asked
    about five times a second. `hold` are descriptors (locks) that stay open as long as the process
    lives, so that nobody takes its target for abandoned."""

    report: Callable[[int], None]
    cancelled: Callable[[], bool]
    hold: tuple[int, ...] = ()


def unpack_layer(source: int, target: int, limits: Limits, watch: Watch) -> Unpacked:
    """Unpack the layer that `source` reads into the directory `target` and sync it to disk.

    Raises InvalidSpec("archive", ...), Exhausted, KernelRefused, Cancelled, Unavailable.
    """
    done = _run("layer", (source, target), limits, watch)
    done["opaque"] = tuple(os.fsencode(path) for path in done["opaque"])
    return Unpacked(**done)


def read_layer(source: int, target: int, limits: Limits, watch: Watch) -> str:
    """Return the digest of the layer that `source` reads, decompressed; write nothing.

    `target` is where the process is locked up. Raises as `unpack_layer`.
    """
    return str(_run("digest", (source, target), limits, watch)["diff_id"])


def take_apart(source: int, target: int, limits: Limits, watch: Watch) -> Parts:
    """Write each file in the archive that `source` reads to a numbered file in `target`.

    Raises as `unpack_layer`.
    """
    done = _run("archive", (source, target), limits, watch)
    files = {name: (number, size) for name, (number, size) in done["files"].items()}
    return Parts(files=files, links=done["links"])


def _run(
    kind: str, source_and_target: tuple[int, int], limits: Limits, watch: Watch
) -> dict[str, Any]:
    source, target = source_and_target
    job = {
        "kind": kind,
        "source": source,
        "target": target,
        "parent": os.getpid(),
        "limits": asdict(limits),
        "path": _module_path(),
    }
    command = [sys.executable, "-S", "-E", "-I", "-c", _BOOT, json.dumps(job)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(source, target, *watch.hold),
        cwd="/",
        env={},
        start_new_session=True,
    )
    with process:
        try:
            return _listen(process, watch)
        finally:
            process.kill()


def _listen(process: subprocess.Popen[bytes], watch: Watch) -> dict[str, Any]:
    for line in _lines(process, watch):
        message = json.loads(line)
        if "done" in message:
            return dict(message["done"])
        if "fault" in message:
            raise fault_from_json(message["fault"])
        watch.report(message["read"])
    process.kill()
    assert process.stderr is not None
    told = process.stderr.read(_MAX_ERROR).decode(errors="replace").strip()
    status = process.wait()
    raise Unavailable(f"the unpacking process ended with status {status}: {told or 'no reason'}")


def _lines(process: subprocess.Popen[bytes], watch: Watch) -> Iterator[bytes]:
    assert process.stdout is not None
    fd = process.stdout.fileno()
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    buffer = bytearray()
    asked = 0.0
    while True:
        ready = poll.poll(_POLL_SECONDS * 1000)
        now = time.monotonic()
        if now - asked >= _POLL_SECONDS:
            asked = now
            if watch.cancelled():
                raise Cancelled("the unpacking was cancelled")
        if not ready:
            continue
        piece = os.read(fd, 1 << 16)
        if not piece:
            return
        buffer += piece
        if len(buffer) > _MAX_LINE:
            raise InvalidSpec("archive", "has more names than can be remembered")
        *lines, rest = buffer.split(b"\n")
        yield from (bytes(line) for line in lines)
        buffer = rest


def _module_path() -> list[str]:
    """Return where the child finds this package and the decompressors, and nothing more."""
    directories = [os.path.dirname(next(iter(runtime.__path__)))]
    for name in ("zstandard", "isal"):
        found = find_spec(name)
        if found is not None and found.origin is not None:
            directories.append(os.path.dirname(os.path.dirname(found.origin)))
    return list(dict.fromkeys(directories))
