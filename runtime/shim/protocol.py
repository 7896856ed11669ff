"""What the engine, the zygote and the shims say to each other: one JSON object per packet.

    engine                zygote                  shim
      | Hello ------------> |                       |
      | <------------ Ready |                       |
      | Start ------------> | forks --------------> |   with the engine's connection
      | <---------------------------- Done or Fault |
      | Start ------------> | Client -------------> |   where a shim lives already: passed on
      | <---------------------------- Done or Fault |
      | Repair -----------> | forks if none lives   |
      | <------------- Done |                       |
      | Leave ------------> | exits                 |   shims go on
      |                     |                       |
      | Stop, Restart, Kill, Execute,               |
      | Pause, Resume, Update, OpenSession -------> |   through the shim's own socket
      | <---------------------------- Done or Fault |
      | Attach -----------------------------------> |   likewise; after Done the two go on
      | <---------------------------- Done or Fault |   with the packets of runtime.dialogue
      |                     |                       |
      |                     | <----------- Prepared |   before launch: pipes and namespaces
      |                     | <----------- Launched |   the init's pidfd
      |                     | Reaped -------------> |   to a successor: its container's end
      |                     | <------------ Leaving |   the run is over and recorded
      |                     | Adopt --------------> |   a new zygote's first word; the shim
      |                     | <- Prepared, Launched |   answers with all it has

The engine waits for each answer; nobody else waits. A side that dies closes its end, which the
other sees. Every message to or from a shim names its container. Unknown fields are skipped, so a
newer side may add some; `VERSION` rises when that is not enough.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runtime.errors import (
    Cancelled,
    Conflict,
    Exhausted,
    Interrupted,
    InvalidSpec,
    KernelRefused,
    NotFound,
    RuntimeFault,
    Unavailable,
)

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """Who are you?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The zygote's answer to Hello."""

    version: int
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Another zygote takes over, or nobody needs one any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Run the container."""

    container: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """The record says that the container runs; see to it that a shim minds it."""

    container: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """End the container: its stop signal, and SIGKILL after `grace_seconds` (None: its own)."""

    container: str
    operation: str | None
    grace_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """End the container as Stop does, then start it again, once for the operation."""

    container: str
    operation: str
    grace_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """Send signal number `signal` to the container's init, once for each operation."""

    container: str
    operation: str | None
    signal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Freeze the container; nothing happens if it is frozen."""

    container: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Thaw the container; nothing happens if it is not frozen."""

    container: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Take `changes` of the spec over (limits, restart policy), once for the operation."""

    container: str
    operation: str
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Execute:
    """Start a further process, once for each operation; `spec` is ExecSpec.to_json()."""

    container: str
    operation: str
    spec: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSession:
    """Start a process to converse with, once; `spec` is SessionSpec.to_json()."""

    container: str
    operation: str
    spec: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attach:
    """Converse with a session over this connection; its output goes on after `offset` bytes."""

    container: str
    session: str
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """It is done, or begun where it ends by an event."""

    container: str
    version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """It was refused: an error of `runtime.errors` as plain data."""

    code: str
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """An engine's connection and its first request; the descriptor comes along."""

    container: str
    request: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Run number `run` is about to be launched; `names` are the descriptors that come along.

    `id_base` is the host's id of 0 inside: the zygote's spare makes namespaces with such ids.
    """

    container: str
    run: int
    names: tuple[str, ...]
    id_base: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """Run number `run` is process `pid`; its pidfd comes along."""

    container: str
    run: int
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaped:
    """Process `pid` ended with wait status `status` (waitpid(2))."""

    container: str
    pid: int
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """The shim recorded its container's end and exits."""

    container: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    """A new zygote asks for copies of what the shim holds."""

    container: str


Message = (
    Hello
    | Ready
    | Leave
    | Start
    | Repair
    | Stop
    | Restart
    | Kill
    | Pause
    | Resume
    | Update
    | Execute
    | OpenSession
    | Attach
    | Done
    | Fault
    | Client
    | Prepared
    | Launched
    | Reaped
    | Leaving
    | Adopt
)

_TYPES: dict[str, type[Message]] = {kind.__name__: kind for kind in Message.__args__}
_FAULTS = (Conflict, Exhausted, Unavailable, Interrupted, Cancelled)


def encode(message: Message) -> bytes:
    """Return the packet of a message."""
    return json.dumps(to_plain(message), separators=(",", ":")).encode()


def decode(packet: bytes) -> Message:
    """Return the message in a packet. Raises Unavailable for what is none."""
    try:
        return from_plain(json.loads(packet))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unavailable(f"not a message of this protocol: {packet[:80]!r}") from error


def to_plain(message: Message) -> dict[str, Any]:
    """Return a message as plain data."""
    plain = {name: getattr(message, name) for name in message.__dataclass_fields__}
    return {"v": VERSION, "type": type(message).__name__, **plain}


def from_plain(plain: Mapping[str, Any]) -> Message:
    """Rebuild a message from `to_plain` output, skipping fields of a newer sender."""
    kind = _TYPES[plain["type"]]
    return kind(**{name: plain[name] for name in kind.__dataclass_fields__ if name in plain})


def unexpected(expected: str, received: object) -> Unavailable:
    """Return the error for a message that has no place here."""
    name = "end of stream" if received is None else type(received).__name__
    return Unavailable(f"expected {expected}, received {name}")


def fault_of(error: RuntimeFault) -> Fault:
    """Return an error as a message."""
    details = error.details()
    if isinstance(error, KernelRefused):
        details = {"call": error.call, "errno": error.errno, "path": error.path}
    elif isinstance(error, NotFound):
        details = {"kind": error.kind, "name": error.name}
    return Fault(code=error.code, message=str(error), details=details)


def error_of(fault: Fault) -> RuntimeFault:
    """Return the error that `fault_of` was given."""
    details = fault.details
    if fault.code == InvalidSpec.code:
        return InvalidSpec(details["field"], details["reason"])
    if fault.code == NotFound.code:
        return NotFound(details["kind"], details["name"])
    if fault.code == KernelRefused.code:
        return KernelRefused(details["call"], details["errno"], details["path"])
    for kind in _FAULTS:
        if fault.code == kind.code:
            return kind(fault.message)
    return RuntimeFault(fault.message)
