"""A container's record as its shim writes it, on a disk that may be full.

What is true already (a signal was sent, a process ended) is never refused for lack of room: it is
kept in mind, seen by whoever asks this shim, and written in order as soon as there is room. A shim
that dies before that leaves a record which is behind; its successor finds out as after any crash.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from runtime.errors import NotFound
from runtime.events import ContainerEvent
from runtime.shim.loop import Loop, Timer
from runtime.state import durable
from runtime.state.exits import FULL_DISK_SECONDS
from runtime.state.records import Cause, Ledger, State, event_of, raised

Decide = Callable[[State], State]


@dataclass(frozen=True, slots=True)
class _Later:
    """Something to write, and what it makes of the state that is on disk."""

    write: Callable[[], object]
    decide: Decide


class Chronicle:
    """The ledger of one container, for its shim alone.

    `change` and `note` keep what finds no room, unless `needed` says that nothing has happened yet
    and nothing may without it: then they raise OSError.
    """

    def __init__(self, ledger: Ledger, loop: Loop) -> None:
        self._ledger = ledger
        self._loop = loop
        self._later: list[_Later] = []
        self._timer: Timer | None = None

    @property
    def behind(self) -> bool:
        """Whether something waits for room."""
        return bool(self._later)

    @property
    def restarting(self) -> bool:
        """Whether the container waits to be restarted."""
        return self.load().record.restarting

    def load(self) -> State:
        """Return the newest state, with what is not written yet. Raises NotFound."""
        state = self._ledger.load()
        for later in self._later:
            state = later.decide(state)
        return state

    def change(self, cause: Cause, decide: Decide, *, needed: bool = False) -> ContainerEvent:
        """See `Ledger.change`. Of what is kept the event tells the version that is to come."""
        told: list[ContainerEvent] = []
        later = _Later(
            lambda: told.append(self._ledger.change(cause, decide)),
            lambda state: raised(decide(state)),
        )
        self._write(later, needed=needed)
        return told[0] if told else event_of(cause, self.load().record)

    def note(self, decide: Decide, *, needed: bool = False) -> State:
        """See `Ledger.note`."""
        self._write(_Later(lambda: self._ledger.note(decide), decide), needed=needed)
        return self.load()

    def sync(self) -> None:
        """Let what was written outlive a crash of the machine."""
        durable.sync(f"{self._ledger.directory}/state.json")

    def keep(self, write: Callable[[], object]) -> None:
        """Write something else, after what waits already."""
        self._write(_Later(write, _unchanged), needed=False)

    def require_room(self) -> None:
        """Raise OSError where a record cannot be written just now."""
        self.note(_unchanged, needed=True)

    def settle(self) -> bool:
        """Return when everything is written, however long the disk is full; say if it was."""
        behind = self.behind
        while not self._flush():
            time.sleep(FULL_DISK_SECONDS)
        return behind

    def _write(self, later: _Later, *, needed: bool) -> None:
        if needed:
            while self._later:
                self._write_first()
            later.write()
            return
        self._later.append(later)
        self._flush()

    def _flush(self) -> bool:
        """Write what waits, in order; say whether nothing waits any more."""
        self._loop.cancel(self._timer)
        try:
            while self._later:
                self._write_first()
        except OSError as error:
            if not durable.is_full(error):
                raise
            self._timer = self._loop.after(FULL_DISK_SECONDS, self._try_again)
            return False
        return True

    def _try_again(self) -> None:
        self._flush()

    def _write_first(self) -> None:
        try:
            self._later[0].write()
        except OSError as error:
            if not durable.is_full(error):
                del self._later[0]
            raise
        except NotFound:  # the container was deleted: nobody asks any more
            self._later.clear()
            raise
        except BaseException:
            del self._later[0]
            raise
        del self._later[0]


def _unchanged(state: State) -> State:
    return state
