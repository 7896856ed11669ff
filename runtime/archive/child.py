"""The unpacking process: a slim interpreter that does one job behind the second wall.

    caller                                  this process
      | starts it: job as argument,           |
      | source, target, lock as descriptors   |
      |                                       | imports, then `sandbox.enter`
      | <------------- {"read": bytes} ------ | now and then
      | <------------- {"done": {...}} ------ | everything is on disk
      |            or  {"fault": {...}}       | nothing more comes; the target is half full
      | kill, when the caller was cancelled   |

One JSON text per line on standard output. An end without `done` or `fault` is a crash.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from runtime.archive import extract, sandbox, split
from runtime.archive.limits import Limits
from runtime.archive.stream import Stream
from runtime.errors import Exhausted, InvalidSpec, KernelRefused, RuntimeFault
from runtime.kernel.filesystems import syncfs

Report = Callable[[int], None]


def main(job: dict[str, Any]) -> None:
    """Do `job`, tell how it went, and end the process."""
    try:
        _tell({"done": _work(job)})
    except RuntimeFault as fault:
        _tell({"fault": fault_to_json(fault)})
    except MemoryError:
        _tell({"fault": fault_to_json(Exhausted("the archive takes too much memory to unpack"))})
    os._exit(0)


def fault_to_json(fault: RuntimeFault) -> dict[str, Any]:
    """Return what `fault_from_json` needs to raise the same again."""
    match fault:
        case InvalidSpec():
            return {"code": fault.code, "arguments": [fault.field, fault.reason]}
        case KernelRefused():
            return {"code": fault.code, "arguments": [fault.call, fault.errno, fault.path]}
        case _:
            return {"code": fault.code, "arguments": [str(fault)]}


def fault_from_json(plain: dict[str, Any]) -> RuntimeFault:
    """Return the fault that the other process met."""
    kinds: dict[str, type[RuntimeFault]] = {
        kind.code: kind for kind in (InvalidSpec, KernelRefused, Exhausted)
    }
    return kinds.get(plain["code"], RuntimeFault)(*plain["arguments"])


def _work(job: dict[str, Any]) -> dict[str, Any]:
    """Imports end here: a later one would look for modules in what is being unpacked."""
    limits = Limits(**job["limits"])
    root = sandbox.enter(job["target"], parent=job["parent"])
    sys.path.clear()
    sys.meta_path.clear()
    if job["kind"] == "layer":
        return _layer(job["source"], root, limits)
    if job["kind"] == "digest":
        return {"diff_id": _digest(job["source"], limits)}
    parts = split.split(job["source"], root, limits, _report)
    return {"files": parts.files, "links": parts.links}


def _layer(source: int, root: int, limits: Limits) -> dict[str, Any]:
    done = extract.extract(source, root, limits, _report)
    # The root that extraction walks from may be an O_PATH descriptor, which syncfs(2) refuses.
    fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root)
    syncfs(fd)
    os.close(fd)
    return {
        "diff_id": done.diff_id,
        "size": done.size,
        "inodes": done.inodes,
        "highest_id": done.highest_id,
        "opaque": [os.fsdecode(path) for path in done.opaque],
        "notes": done.notes,
    }


def _digest(source: int, limits: Limits) -> str:
    with Stream(source, limits) as stream:
        stream.finish()
        return stream.digest


def _report(consumed: int) -> None:
    _tell({"read": consumed})


def _tell(message: dict[str, Any]) -> None:
    rest = memoryview(json.dumps(message).encode() + b"\n")
    while rest:
        rest = rest[os.write(1, rest) :]
