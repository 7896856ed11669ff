"""The lock that says a data root is served, with a record of who serves it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from dataclasses import asdict, dataclass, field

from panel.host.errors import HostRefused
from panel.host.identity import ProcessIdentity, boot_id
from panel.host.roots import Roots

RECORD_LIMIT = 1_048_576


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingRecord:
    """Who serves a data root; `children` are the platform's own processes by name."""

    supervisor: ProcessIdentity
    boot: str
    run_root: str
    url: str
    children: dict[str, ProcessIdentity] = field(default_factory=dict)

    def is_alive(self) -> bool:
        """Tell whether the supervisor that wrote this still runs."""
        return self.boot == boot_id() and self.supervisor.is_alive()

    def living(self) -> dict[str, ProcessIdentity]:
        """Return those children that still run."""
        if self.boot != boot_id():
            return {}
        return {name: child for name, child in self.children.items() if child.is_alive()}


class ServingLock:
    """Holds flock(2) on the lock file; the kernel frees it when its owner is killed.

    A supervisor holds it exclusively, the units of systemd share it.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, roots: Roots, *, shared: bool = False) -> ServingLock:
        """Take the lock. Raises HostRefused, naming the process, where the data root is served."""
        descriptor = os.open(roots.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            record = read_record(roots)
            by = f"process {record.supervisor.pid} at {record.url}" if record else "systemd's units"
            raise HostRefused(f"{roots.data} is already served by {by}") from None
        return cls(descriptor)

    def write(self, record: ServingRecord) -> None:
        """Put `record` into the lock file, in one write, so that a reader sees all of it."""
        content = json.dumps(asdict(record)).encode()
        os.pwrite(self._descriptor, content, 0)
        os.ftruncate(self._descriptor, len(content))

    def clear(self) -> None:
        """Empty the lock file: nobody serves the data root any more."""
        os.ftruncate(self._descriptor, 0)

    def keep_over_exec(self) -> None:
        """Let the lock go on in the program that this process executes next."""
        os.set_inheritable(self._descriptor, True)

    def release(self) -> None:
        """Give the lock up."""
        os.close(self._descriptor)


def read_record(roots: Roots) -> ServingRecord | None:
    """Return who serves this data root, or served it until it was killed; None when nobody did."""
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        with open(roots.lock, "rb") as file:
            stored = json.loads(file.read(RECORD_LIMIT))
        return ServingRecord(
            supervisor=ProcessIdentity(**stored["supervisor"]),
            boot=stored["boot"],
            run_root=stored["run_root"],
            url=stored["url"],
            children={name: ProcessIdentity(**one) for name, one in stored["children"].items()},
        )
    return None
