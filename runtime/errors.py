"""Every error that leaves `runtime`, as one tree that answers "what can the caller do?".

RuntimeFault
├── InvalidSpec      fix the request; `field` names the part that is wrong
├── NotFound         there is no such container, image, digest...
├── Conflict         it is in the wrong state for this; try another verb or wait
├── Exhausted        a quota, pool, limit or disk is used up
├── Unavailable      try again later
├── Interrupted      a once-only effect was cut short and its outcome is unknown
├── Cancelled        the caller asked to stop
└── KernelRefused    a system call failed; carries call, errno and path
"""

from __future__ import annotations

import errno as _errno
import os
from typing import Any, ClassVar


class RuntimeFault(Exception):
    """The root of the tree. `code` is stable; HTTP status and UI text are tables keyed by it."""

    code: ClassVar[str] = "fault"

    def details(self) -> dict[str, Any]:
        """Return the machine-readable parts that go beside the message."""
        return {}


class InvalidSpec(RuntimeFault):
    """What was asked for is not valid. `field` is a dotted path such as `limits.memory_bytes`."""

    code = "invalid_spec"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason

    def details(self) -> dict[str, Any]:
        return {"field": self.field, "reason": self.reason}


class NotFound(RuntimeFault):
    """The thing does not exist. `kind` is the field's word: container, image, blob..."""

    code = "not_found"

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"no such {kind}: {name}")
        self.kind = kind
        self.name = name

    def details(self) -> dict[str, Any]:
        return {"kind": self.kind, "name": self.name}


class Conflict(RuntimeFault):
    """The thing is in the wrong state, or taken, for what was asked."""

    code = "conflict"


class Exhausted(RuntimeFault):
    """A quota, a pool, a size limit or the disk is used up; the message has the arithmetic."""

    code = "exhausted"


class Unavailable(RuntimeFault):
    """Something needed does not answer just now; the same call may work later."""

    code = "unavailable"


class Interrupted(RuntimeFault):
    """A once-only effect was begun and cut short; it is not repeated, its outcome is unknown."""

    code = "interrupted"


class Cancelled(RuntimeFault):
    """The caller's sink said stop; everything begun was undone."""

    code = "cancelled"


class KernelRefused(RuntimeFault):
    """A system call failed: `call`, `errno` (number) and `path` say which."""

    code = "kernel_refused"

    def __init__(self, call: str, errno: int, path: str = "") -> None:
        name = _errno.errorcode.get(errno, str(errno))
        what = f"{call} {path}" if path else call
        super().__init__(f"{what}: {os.strerror(errno)} ({name})")
        self.call = call
        self.errno = errno
        self.path = path

    def details(self) -> dict[str, Any]:
        return {"call": self.call, "errno": _errno.errorcode.get(self.errno, str(self.errno))}
