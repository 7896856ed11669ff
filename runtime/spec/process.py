"""How the container's first process runs, apart from what it is (command, env, user)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from runtime.errors import InvalidSpec
from runtime.spec.topic import (
    TEXTS,
    Topic,
    asked,
    by,
    flag,
    matching,
    one,
    one_of,
    several,
    whole,
)

REALTIME = ("SCHED_FIFO", "SCHED_RR", "SCHED_DEADLINE")
"""Policies that go before everything else on the machine (sched(7))."""
_POLICIES = ("SCHED_OTHER", "SCHED_BATCH", "SCHED_IDLE", "SCHED_ISO", *REALTIME)
_FLAGS = (
    "SCHED_FLAG_RESET_ON_FORK",
    "SCHED_FLAG_RECLAIM",
    "SCHED_FLAG_DL_OVERRUN",
    "SCHED_FLAG_KEEP_POLICY",
    "SCHED_FLAG_KEEP_PARAMS",
    "SCHED_FLAG_UTIL_CLAMP_MIN",
    "SCHED_FLAG_UTIL_CLAMP_MAX",
)
_U64 = (1 << 64) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSize(Topic):
    """A terminal's size: `rows` and `columns` of characters (OCI process.consoleSize)."""

    PATH: ClassVar[str] = "process.console_size"
    rows: int = field(metadata=by(whole(0, 65_535)))
    columns: int = field(metadata=by(whole(0, 65_535)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduler(Topic):
    """Which scheduler serves the process: OCI process.scheduler, sched_setattr(2).

    `policy` is a name such as SCHED_BATCH; `nice` -20 to 19; `priority` 1 to 99, of real-time
    policies only; `flags` are names such as SCHED_FLAG_RESET_ON_FORK. `runtime_ns`, `deadline_ns`
    and `period_ns` are nanoseconds, of SCHED_DEADLINE only.
    """

    PATH: ClassVar[str] = "process.scheduler"
    policy: str = field(metadata=by(one_of(*_POLICIES)))
    nice: int = asked(whole(-20, 19), 0)
    priority: int = asked(whole(0, 99), 0)
    flags: tuple[str, ...] = asked(several(one_of(*_FLAGS)), ())
    runtime_ns: int = asked(whole(0, _U64), 0)
    deadline_ns: int = asked(whole(0, _U64), 0)
    period_ns: int = asked(whole(0, _U64), 0)

    def validate(self) -> None:
        """Refuse a priority or deadline where the policy has none."""
        if self.priority and self.policy not in ("SCHED_FIFO", "SCHED_RR"):
            raise InvalidSpec(self.path("priority"), f"{self.policy} has none: leave it out")
        if self.policy != "SCHED_DEADLINE" and (
            self.runtime_ns or self.deadline_ns or self.period_ns
        ):
            raise InvalidSpec(self.path("runtime_ns"), "is for SCHED_DEADLINE only: leave it out")


@dataclass(frozen=True, slots=True, kw_only=True)
class IoPriority(Topic):
    """Before whom the process reads and writes disks: OCI process.ioPriority, ioprio_set(2).

    `klass` is IOPRIO_CLASS_RT, _BE or _IDLE; `priority` 0 (first) to 7.
    """

    PATH: ClassVar[str] = "process.io_priority"
    klass: str = field(
        metadata=by(one_of("IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"))
    )
    priority: int = asked(whole(0, 7), 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuAffinity(Topic):
    """CPUs of an exec: OCI process.execCPUAffinity.

    `initial` before it is in the container's cgroup, `final` after: lists such as `0-3,7`.
    """

    PATH: ClassVar[str] = "process.cpu_affinity"
    initial: str | None = asked(matching(r"[0-9]+([,-][0-9]+)*", "a list of CPUs such as 0-3,7"))
    final: str | None = asked(matching(r"[0-9]+([,-][0-9]+)*", "a list of CPUs such as 0-3,7"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Process(Topic):
    """The first process's surroundings.

    `terminal`: its streams are a pseudoterminal (Docker Tty, OCI process.terminal), of
    `console_size` at first (HostConfig.ConsoleSize). `stdin_open` keeps standard input open without
    a client (OpenStdin), `stdin_once` closes it when the first client goes (StdinOnce);
    `attach_stdin`, `attach_stdout` and `attach_stderr` are what a client said it would attach
    (AttachStdin…), told back to clients. `init` puts a reaper that forwards signals before the
    command (HostConfig.Init). `umask` is a mode such as 0o022, None keeps 0o022 (OCI user.umask,
    umask(2)). `groups_add` are groups more, by name or number (GroupAdd, OCI user.additionalGids).
    `oom_score_adj` is -1000 (never killed for memory) to 1000 (OomScoreAdj, proc(5)). `shell` runs
    shell forms (Config.Shell). `scheduler`, `io_priority` and `cpu_affinity` are OCI's of the same
    names, `personality` is LINUX or LINUX32 (OCI linux.personality, personality(2)).
    """

    PATH: ClassVar[str] = "process"
    terminal: bool = asked(flag, default=False)
    console_size: ConsoleSize | None = asked(one(ConsoleSize))
    stdin_open: bool = asked(flag, default=False)
    stdin_once: bool = asked(flag, default=False)
    attach_stdin: bool = asked(flag, default=False)
    attach_stdout: bool = asked(flag, default=True)
    attach_stderr: bool = asked(flag, default=True)
    init: bool = asked(flag, default=False)
    umask: int | None = asked(whole(0, 0o777))
    groups_add: tuple[str, ...] = asked(several(matching(r"[^\s:,]{1,256}", "a group")), ())
    oom_score_adj: int = asked(whole(-1000, 1000), 0)
    shell: tuple[str, ...] = asked(TEXTS, ())
    scheduler: Scheduler | None = asked(one(Scheduler))
    io_priority: IoPriority | None = asked(one(IoPriority))
    cpu_affinity: CpuAffinity | None = asked(one(CpuAffinity))
    personality: str | None = asked(one_of("LINUX", "LINUX32"))
