"""What the engine tells its caller while and after it works: frozen types and the Sink protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """One run of a container's health check; times are nanoseconds since the epoch.

    `exit_code` is None where it did not come to its end; `error` tells why. `output` is the
    beginning of what it printed on both streams, as text, 4,096 bytes of UTF-8 at most.
    """

    started_ns: int
    finished_ns: int
    exit_code: int | None
    output: str = ""
    error: str = ""

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> ProbeResult:
        """Rebuild a result from plain data, ignoring fields of a newer writer."""
        return cls(**{name: plain[name] for name in cls.__dataclass_fields__ if name in plain})


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthRecord:
    """How a container fares by its health check.

    `status` is starting, healthy or unhealthy; of a container that ended it is the last one.
    `failing_streak` counts failures in a row, `log` has the last results, oldest first.
    """

    status: str
    failing_streak: int = 0
    log: tuple[ProbeResult, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain data; `from_json` is its inverse."""
        plain = asdict(self)
        plain["log"] = list(plain["log"])
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> HealthRecord:
        """Rebuild from `to_json` output, ignoring fields of a newer writer."""
        return cls(
            status=plain["status"],
            failing_streak=plain["failing_streak"],
            log=tuple(ProbeResult.from_json(result) for result in plain["log"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerRecord:
    """One version of what is known about a container; times are nanoseconds since the epoch.

    `spec` is `ContainerSpec.to_json()`. `state` is created, running, paused, exited or dead.
    `exit_code` is None while it runs, and where the kernel's answer was lost (`error` tells why).
    `command` is the argument list that really runs (image configuration and spec combined).
    `restarting` says that it exited and its restart policy will start it again.
    `health` is None where it has no health check, or was never started. Single probes change it
    and leave the version alone, which rises with the status; of two records with one version the
    newer is the one with the later results.
    """

    id: str
    version: int
    namespace: str
    spec: Mapping[str, Any]
    image_id: str
    command: tuple[str, ...]
    state: str
    created_ns: int
    started_ns: int | None = None
    finished_ns: int | None = None
    pid: int | None = None
    exit_code: int | None = None
    oom_killed: bool = False
    restart_count: int = 0
    restarting: bool = False
    error: str = ""
    health: HealthRecord | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain data; `from_json` is its inverse."""
        plain = asdict(self)
        plain["command"] = list(self.command)
        plain["health"] = self.health and self.health.to_json()
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> ContainerRecord:
        """Rebuild a record from `to_json` output, ignoring fields of a newer writer."""
        known = {name: plain[name] for name in cls.__dataclass_fields__ if name in plain}
        known["command"] = tuple(known["command"])
        if known.get("health") is not None:
            known["health"] = HealthRecord.from_json(known["health"])
        return cls(**known)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerEvent:
    """A container's record reached `record.version` by `action`.

    `action` is one of created, started, exited, deleted, restarting, killed, exec-finished,
    paused, resumed, renamed, health, updated. (container id, version) is unique, so receivers may
    see one twice and drop it.
    `operation` is the id of the operation that caused it, where one did; `result` carries what a
    handed-over call ends with (an exec's exit code and output).
    """

    action: str
    time_ns: int
    record: ContainerRecord
    operation: str | None = None
    result: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain data; `from_json` is its inverse."""
        return {
            "action": self.action,
            "time_ns": self.time_ns,
            "record": self.record.to_json(),
            "operation": self.operation,
            "result": dict(self.result) if self.result is not None else None,
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> ContainerEvent:
        """Rebuild an event from `to_json` output."""
        return cls(
            action=plain["action"],
            time_ns=plain["time_ns"],
            record=ContainerRecord.from_json(plain["record"]),
            operation=plain.get("operation"),
            result=plain.get("result"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Step `step` of `steps` is `name`; `done` and `total` are in `unit` where they are known."""

    step: int
    steps: int
    name: str
    done: int | None = None
    total: int | None = None
    unit: str = "bytes"

    def to_json(self) -> dict[str, Any]:
        """Return plain data for an operation's row."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFrame:
    """One chunk that a read returned. `offset` counts output bytes of the container *after* this
    chunk since its first, so it is the cursor to resume from. `gap` is the number of bytes that
    were lost right before it (rotated away, or a full disk); `data` may be empty where a full disk
    was all there is to tell."""

    offset: int
    time_ns: int
    stream: str
    data: bytes
    gap: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSummary:
    """One image as it is listed; `size` is the sum of its unpacked layers in bytes."""

    id: str
    namespace: str
    references: tuple[str, ...]
    size: int
    created_ns: int | None
    architecture: str
    layers: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        plain = asdict(self)
        plain["references"] = list(self.references)
        plain["layers"] = list(self.layers)
        return plain


class Sink(Protocol):
    """What an engine call reports to. Every method may be called from the calling thread only."""

    def progress(self, progress: Progress) -> None:
        """Take note of how far the call is. May drop reports, never block for long."""

    def event(self, event: ContainerEvent) -> None:
        """Take note of a change of a container's record."""

    def cancelled(self) -> bool:
        """Say whether the caller wants the call to stop at its next safe point."""


class NullSink:
    """Listens to nothing and never cancels."""

    def progress(self, progress: Progress) -> None:
        """Drop it."""

    def event(self, event: ContainerEvent) -> None:
        """Drop it."""

    def cancelled(self) -> bool:
        """Never."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """Where reading of a container's output begins.

    `offset` counts output bytes since the container's first, as `LogFrame.offset` does: 0 is the
    beginning, a frame's offset goes on right after it. `since_ns` leaves out what is older, `tail`
    all but the last lines (of both streams together); they may be combined, the latest start wins.
    """

    offset: int = 0
    since_ns: int | None = None
    tail: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnceRecord:
    """What is recorded durably of an effect that must not happen twice.

    `state` is begun (under way, or cut short and not yet noticed), done or interrupted. `result`
    is what it ended with; `fault` is set in its place where it was refused: an error's `code`,
    `message` and details.
    """

    operation: str
    state: str
    result: Mapping[str, Any] | None = None
    fault: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpooledEvent:
    """An event that waits on disk, as the file `name`, until a relay has taken it over."""

    name: str
    event: ContainerEvent
