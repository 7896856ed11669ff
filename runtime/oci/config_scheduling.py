"""When a process runs, and where: `scheduler`, `ioPriority` and `execCPUAffinity` of `process`.

See runtime-spec, config.md#linux-process. Names are the kernel's: sched(7), ioprio_set(2).
"""

from __future__ import annotations

from dataclasses import dataclass

from runtime.errors import InvalidSpec
from runtime.oci.reading import Fields

POLICIES = {
    "SCHED_OTHER": 0,
    "SCHED_FIFO": 1,
    "SCHED_RR": 2,
    "SCHED_BATCH": 3,
    "SCHED_ISO": 4,
    "SCHED_IDLE": 5,
    "SCHED_DEADLINE": 6,
}
SCHEDULER_FLAGS = {
    "SCHED_FLAG_RESET_ON_FORK": 0x01,
    "SCHED_FLAG_RECLAIM": 0x02,
    "SCHED_FLAG_DL_OVERRUN": 0x04,
    "SCHED_FLAG_KEEP_POLICY": 0x08,
    "SCHED_FLAG_KEEP_PARAMS": 0x10,
    "SCHED_FLAG_UTIL_CLAMP_MIN": 0x20,
    "SCHED_FLAG_UTIL_CLAMP_MAX": 0x40,
}
IO_CLASSES = {"IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3}
_REAL_TIME = ("SCHED_FIFO", "SCHED_RR")
_DEADLINE = "SCHED_DEADLINE"
_UINT64 = 2**64 - 1
_MOST_PROCESSORS = 8192
"""The kernel's largest NR_CPUS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduler:
    """What sched_setattr(2) is given; `runtime`, `deadline` and `period` are nanoseconds."""

    policy: int
    flags: int = 0
    nice: int = 0
    priority: int = 0
    runtime: int = 0
    deadline: int = 0
    period: int = 0

    @property
    def ends_with_a_fork(self) -> bool:
        """Say whether a child has it no more, or cannot be made at all (sched(7))."""
        resets = self.flags & SCHEDULER_FLAGS["SCHED_FLAG_RESET_ON_FORK"]
        return bool(resets) or self.policy == POLICIES[_DEADLINE]


@dataclass(frozen=True, slots=True)
class IoPriority:
    """A class of `IO_CLASSES`, and a priority in it: 0 is first, 7 last."""

    kind: int
    priority: int


@dataclass(frozen=True, slots=True)
class Affinity:
    """The processors of a further process: until it has joined the cgroup, and from then on.

    Empty is whatever the caller, or the cgroup, has.
    """

    initial: frozenset[int] = frozenset()
    final: frozenset[int] = frozenset()


def parse_scheduler(process: Fields) -> Scheduler | None:
    """Return `process.scheduler`. Raises InvalidSpec that names the field."""
    fields = process.inner("scheduler")
    if fields is None:
        return None
    policy = fields.choice("policy", tuple(POLICIES))
    if not policy:
        raise InvalidSpec(fields.at("policy"), "is required")
    flags = 0
    for place, name in enumerate(fields.texts("flags")):
        if name not in SCHEDULER_FLAGS:
            where = f"{fields.at('flags')}[{place}]"
            raise InvalidSpec(where, f"{name!r} is none of {', '.join(SCHEDULER_FLAGS)}")
        flags |= SCHEDULER_FLAGS[name]
    scheduler = Scheduler(
        policy=POLICIES[policy],
        flags=flags,
        nice=fields.integer("nice", least=-20, most=19) or 0,
        priority=fields.integer("priority", least=0, most=99) or 0,
        runtime=fields.integer("runtime", least=0, most=_UINT64) or 0,
        deadline=fields.integer("deadline", least=0, most=_UINT64) or 0,
        period=fields.integer("period", least=0, most=_UINT64) or 0,
    )
    _check(scheduler, policy, fields)
    return scheduler


def parse_io_priority(process: Fields) -> IoPriority | None:
    """Return `process.ioPriority`. Raises InvalidSpec that names the field."""
    fields = process.inner("ioPriority")
    if fields is None:
        return None
    kind = fields.choice("class", tuple(IO_CLASSES))
    if not kind:
        raise InvalidSpec(fields.at("class"), "is required")
    return IoPriority(IO_CLASSES[kind], fields.integer("priority", least=0, most=7) or 0)


def parse_affinity(process: Fields) -> Affinity | None:
    """Return `process.execCPUAffinity`. Raises InvalidSpec that names the field."""
    fields = process.inner("execCPUAffinity")
    if fields is None:
        return None
    return Affinity(_processors(fields, "initial"), _processors(fields, "final"))


def _check(scheduler: Scheduler, policy: str, fields: Fields) -> None:
    """Refuse what the kernel would, or would not look at."""
    if scheduler.priority and policy not in _REAL_TIME:
        raise InvalidSpec(fields.at("priority"), f"{policy} has none: leave it out")
    if policy in _REAL_TIME and not scheduler.priority:
        raise InvalidSpec(fields.at("priority"), f"{policy} needs one from 1 to 99")
    for name in ("runtime", "deadline", "period"):
        if getattr(scheduler, name) and policy != _DEADLINE:
            raise InvalidSpec(fields.at(name), f"is for {_DEADLINE} only: leave it out")


def _processors(fields: Fields, name: str) -> frozenset[int]:
    """Return the numbers of a list such as 0-3,7 (cpuset(7), "List format")."""
    found: set[int] = set()
    text = fields.text(name)
    for part in text.replace(" ", "").split(",") if text else ():
        first, dash, last = part.partition("-")
        numbers = (first, last if dash else first)
        if not all(number.isascii() and number.isdigit() for number in numbers):
            raise InvalidSpec(fields.at(name), f"{text!r} is not a list such as 0-3,7")
        low, high = int(numbers[0]), int(numbers[1])
        if not low <= high < _MOST_PROCESSORS:
            raise InvalidSpec(fields.at(name), f"{part} is no range of processors")
        found.update(range(low, high + 1))
    return frozenset(found)
