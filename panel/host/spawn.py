"""Starts one process of the platform: own session, own output pipe, ends when its starter ends.

Only a single-threaded process may call this: the child runs Python between fork and exec.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from panel.host.identity import ProcessIdentity
from runtime.kernel import prctl

CANNOT_EXECUTE = 126
RESET = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run and how it is ended.

    `confine` runs in the child, as root, just before exec; it may drop every right. `passed` are
    descriptors that the program inherits under their own numbers. `death_signal` arrives when the
    starter dies.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    confine: Callable[[], None] | None = None
    passed: tuple[int, ...] = ()
    death_signal: signal.Signals = signal.SIGKILL
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A program that was started. The owner closes `pidfd` and `output`."""

    program: Program
    identity: ProcessIdentity
    pidfd: int
    output: int
    started: float = field(default_factory=time.monotonic)

    @property
    def ran_seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self.started


def spawn(program: Program) -> Child:
    """Start `program` with standard output and error in one pipe."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    starter = os.getpid()
    # Until the child has reset them, a signal would run the starter's handlers there and be lost.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, RESET)
    pid = os.fork()
    if pid == 0:
        _become(program, writer, starter, mask)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    os.close(writer)
    os.set_blocking(reader, False)
    return Child(
        program=program,
        identity=ProcessIdentity.of_child(pid),
        pidfd=os.pidfd_open(pid),
        output=reader,
    )


def become(program: Program) -> None:
    """Turn the calling process into `program`, as its own supervisor (execve(2)); no return."""
    if program.confine is not None:
        program.confine()
    os.execve(program.argv[0], program.argv, program.environment)  # noqa: S606


def _become(program: Program, output: int, starter: int, mask: set[signal.Signals | int]) -> None:
    try:
        os.setsid()  # ctrl-C in the terminal is for the starter, which stops its children in order
        null = os.open("/dev/null", os.O_RDONLY)
        for number, source in ((0, null), (1, output), (2, output)):
            os.dup2(source, number)
        for descriptor in program.passed:
            os.set_inheritable(descriptor, True)
        signal.set_wakeup_fd(-1)
        for number in RESET:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if program.confine is not None:
            program.confine()
        # Last, since a change of the user clears it (prctl(2)); the starter may have died before.
        prctl.set_parent_death_signal(program.death_signal)
        if os.getppid() != starter:
            os._exit(CANNOT_EXECUTE)
        os.execve(program.argv[0], program.argv, program.environment)  # noqa: S606
    except BaseException as failure:  # noqa: BLE001  # a forked child must never return
        os.write(2, f"{program.name} cannot be started: {failure}\n".encode())
    finally:
        os._exit(CANNOT_EXECUTE)
