"""Keeps the platform's processes running: starts, restarts with back-off, stops in order."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType

from panel.host.identity import ProcessIdentity
from panel.host.output import Output
from panel.host.restarts import Restarts
from panel.host.spawn import Child, Program, spawn

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
READ_SIZE = 65_536


@dataclass(slots=True)
class Slot:
    """A process that has to run. `due` is when to start it (monotonic seconds), None while it runs.

    A slot with `finished` runs once: the function gets its exit status and it is not started again.
    """

    program: Program
    finished: Callable[[int], None] | None = None
    child: Child | None = None
    due: float | None = 0.0
    restarts: Restarts = field(default_factory=Restarts)


class Supervisor:
    """One loop over pidfds, output pipes and signals; single-threaded, since it forks."""

    def __init__(
        self, output: Output, *, changed: Callable[[dict[str, ProcessIdentity]], None]
    ) -> None:
        """`changed` is told the identities of the children whenever one starts or ends."""
        self._output = output
        self._changed = changed
        self._slots: list[Slot] = []
        self._selector = selectors.DefaultSelector()
        self._stop_asked = 0

    def keep(self, program: Program) -> None:
        """Start `program` now and again whenever it ends."""
        self._add(Slot(program))

    def run_once(self, program: Program, finished: Callable[[int], None]) -> None:
        """Start `program` now; tell `finished` its exit status."""
        self._add(Slot(program, finished))

    def run(self) -> None:
        """Serve until a signal asks to stop, then stop everything, last started first."""
        with self._signals():
            while not self._stop_asked:
                self._start_due()
                self._turn(self._next_due())
            self._stop()

    def _add(self, slot: Slot) -> None:
        self._slots.append(slot)
        self._start(slot)

    def _start_due(self) -> None:
        now = time.monotonic()
        for slot in list(self._slots):
            if slot.due is not None and slot.due <= now:
                self._start(slot)

    def _start(self, slot: Slot) -> None:
        child = spawn(slot.program)
        slot.child, slot.due = child, None
        self._selector.register(child.pidfd, selectors.EVENT_READ, lambda: self._ended(slot))
        self._selector.register(child.output, selectors.EVENT_READ, lambda: self._read(child))
        self._tell()

    def _next_due(self) -> float | None:
        due = [slot.due for slot in self._slots if slot.due is not None]
        return max(min(due) - time.monotonic(), 0) if due else None

    def _turn(self, seconds: float | None) -> None:
        for key, _ in self._selector.select(seconds):
            with contextlib.suppress(KeyError):  # an earlier one of this turn may have ended it
                self._selector.get_key(key.fd)
                key.data()

    def _read(self, child: Child) -> None:
        with contextlib.suppress(BlockingIOError):
            content = os.read(child.output, READ_SIZE)
            if content:
                self._output.write(child.program.name, content)
            else:
                self._close(child.output)

    def _ended(self, slot: Slot) -> None:
        child = slot.child
        assert child is not None
        self._drain(child)
        _, status = os.waitpid(child.identity.pid, 0)
        self._close(child.pidfd)
        self._close(child.output)
        slot.child = None
        code = os.waitstatus_to_exitcode(status)
        if slot.finished is not None:
            self._slots.remove(slot)
            slot.finished(code)
        elif not self._stop_asked:
            slot.restarts = slot.restarts.after(child.ran_seconds)
            slot.due = time.monotonic() + slot.restarts.delay_seconds
            self._output.say(f"{child.program.name} {_how_it_ended(code)}; it is started again")
        self._tell()

    def _drain(self, child: Child) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            while content := os.read(child.output, READ_SIZE):
                self._output.write(child.program.name, content)
        self._output.end_line(child.program.name)

    def _close(self, descriptor: int) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(descriptor)
            os.close(descriptor)

    def _tell(self) -> None:
        running = [slot.child for slot in self._slots if slot.child is not None]
        self._changed({child.program.name: child.identity for child in running})

    def _stop(self) -> None:
        """Stop the first slot, the broker, when all others have ended."""
        self._stop_slots(self._slots[1:])
        self._stop_slots(self._slots[:1])
        self._selector.close()

    def _stop_slots(self, slots: list[Slot]) -> None:
        running = [slot for slot in slots if slot.child is not None]
        deadlines: dict[int, float] = {}
        for slot in running:
            _signal(slot, slot.program.stop_signal)
            deadlines[id(slot)] = time.monotonic() + slot.program.stop_seconds
        while alive := [slot for slot in running if slot.child is not None]:
            now = time.monotonic()
            for slot in alive:
                if self._stop_asked > 1 or deadlines[id(slot)] <= now:
                    _signal(slot, signal.SIGKILL)
            self._turn(0.2)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Count the signals that ask to stop, and let each of them end a wait (signal(7))."""
        reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._selector.register(reader, selectors.EVENT_READ, lambda: os.read(reader, READ_SIZE))
        woken = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        before = {number: signal.signal(number, self._note) for number in STOPPING}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(woken)
            os.close(reader)
            os.close(writer)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._stop_asked += 1


def _signal(slot: Slot, number: signal.Signals) -> None:
    if slot.child is not None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(slot.child.pidfd, number)


def _how_it_ended(code: int) -> str:
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with status {code}"
