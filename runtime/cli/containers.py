"""What is known of containers under `--root`: a directory for each, and the kernel's own word.

What only some commands need is imported where they need it: a runtime is started often.

The directory appears whole, with the lock of its maker held; `record.json` names the process by its
start time, too, so that a number that is used again is never taken for it.

<root>/<id>/  record.json  config.json  gate  waiting  lock
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from runtime.cli.arguments import Words
from runtime.errors import Conflict, InvalidSpec, KernelRefused, NotFound, Unavailable
from runtime.isolation.oci.waiting import is_waiting
from runtime.oci.version import SPEC_VERSION
from runtime.state import boot, durable, locks, schema

if TYPE_CHECKING:
    from runtime.cgroups.cgroup import Cgroup
    from runtime.oci.config import Config, Hook

DEFAULT_ROOT = "/run/moorage-runtime"
_ID = re.compile(r"[A-Za-z0-9_+.-]{1,1024}")
_RECORD = "record.json"
_CONFIG = "config.json"
_LOCK = "lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What create writes down. `pid` is 0 before there is a process, `cgroup` "" without one."""

    id: str
    bundle: str
    rootfs: str
    created: str
    owner: str
    cgroup: str
    annotations: dict[str, str] = field(default_factory=dict)
    pid: int = 0
    started_ticks: int = 0


@dataclass(frozen=True, slots=True)
class Container:
    """A container's directory and its record, as it was when it was read."""

    directory: str
    record: Record

    @property
    def status(self) -> str:
        """Return creating, created, running, paused or stopped, by asking the kernel."""
        if self.record.pid and self.is_alive():
            if self.is_paused():
                return "paused"
            return "created" if is_waiting(self.directory) else "running"
        if not self.record.pid and _is_being_made(self.directory):
            return "creating"
        return "stopped"

    def is_alive(self) -> bool:
        """Say whether the first process is there, and not a corpse that nobody has reaped."""
        record = self.record
        if boot.start_time(record.pid) != record.started_ticks:
            return False
        try:
            with open(f"/proc/{record.pid}/stat", "rb") as file:
                text = file.read()
        except (FileNotFoundError, ProcessLookupError):
            return False
        return text[text.rindex(b")") + 2 :].split()[0] not in (b"Z", b"X")

    def is_paused(self) -> bool:
        """Say whether its processes are frozen."""
        from runtime.cgroups import freezer

        return bool(self.record.cgroup) and freezer.is_path_frozen(self.record.cgroup)

    def cgroup(self) -> Cgroup | None:
        """Return what is left of its cgroup, None where it has none; the caller closes it."""
        if not self.record.cgroup:
            return None
        from runtime.cgroups import cgroup as cgroups
        from runtime.cgroups.layout import detect_all

        found = cgroups.open_existing(self.record.cgroup, layout=detect_all())
        return found if found.groups else None

    def config(self) -> Config:
        """Return the configuration that it was made with."""
        from runtime.oci.config import parse_config

        return parse_config(self.config_bytes())

    def hooks(self, kind: str) -> tuple[Hook, ...]:
        """Return the hooks of one kind; the whole configuration is read where there are some."""
        told = json.loads(self.config_bytes()).get("hooks") or {}
        return self.config().hooks.get(kind, ()) if told.get(kind) else ()

    def config_bytes(self) -> bytes:
        """Return config.json as it was when it was made."""
        return durable.read(f"{self.directory}/{_CONFIG}")

    def state(self, status: str | None = None) -> dict[str, Any]:
        """Return its state as runtime-spec has it (runtime.md#state), `status` for the known."""
        status = status or self.status
        told: dict[str, Any] = {
            "ociVersion": SPEC_VERSION,
            "id": self.record.id,
            "status": status,
            "pid": 0 if status == "stopped" else self.record.pid,
            "bundle": self.record.bundle,
            "annotations": self.record.annotations,
        }
        return told

    def state_bytes(self, status: str | None = None) -> bytes:
        """Return the state as hooks are told it."""
        return json.dumps(self.state(status)).encode()


def root_of(words: Words) -> str:
    """Return the directory of all containers."""
    return os.path.abspath(words.last("--root", DEFAULT_ROOT))


def directory_of(root: str, identity: str) -> str:
    """Return the directory of a container. Raises InvalidSpec for what is no id."""
    if not _ID.fullmatch(identity) or identity in (".", ".."):
        raise InvalidSpec("ID", f"{identity!r} has other characters than A-Z a-z 0-9 _ + . -")
    return f"{root}/{identity}"


def make(root: str, record: Record, config: bytes) -> tuple[Container, int]:
    """Make the directory with its record; return the container and its lock, which is held.

    Raises Conflict where the id is taken, KernelRefused.
    """
    directory = directory_of(root, record.id)
    try:
        os.makedirs(root, mode=0o700, exist_ok=True)
        os.mkdir(directory, 0o700)
    except FileExistsError:
        raise Conflict(f"container {record.id} exists already") from None
    except OSError as error:
        raise KernelRefused("mkdir", error.errno or 0, directory) from None
    held = locks.acquire(f"{directory}/{_LOCK}")
    durable.write_new(f"{directory}/{_CONFIG}", config, sync=False)
    return write(Container(directory, record)), held


def write(container: Container) -> Container:
    """Put the record on disk."""
    body = schema.encode(asdict(container.record))
    durable.replace(f"{container.directory}/{_RECORD}", body)
    return container


def with_process(container: Container, pid: int) -> Container:
    """Put down which process is the first one."""
    ticks = boot.start_time(pid) or 0
    return write(
        Container(container.directory, replace(container.record, pid=pid, started_ticks=ticks))
    )


def find(root: str, identity: str) -> Container:
    """Return a container. Raises NotFound, InvalidSpec."""
    directory = directory_of(root, identity)
    try:
        body = schema.decode(durable.read(f"{directory}/{_RECORD}"), directory)
    except FileNotFoundError:
        if os.path.isdir(directory):
            return Container(directory, _unfinished(identity))
        raise NotFound("container", f"{identity} does not exist") from None
    except NotADirectoryError:
        raise NotFound("container", f"{identity} does not exist") from None
    return Container(directory, Record(**body))


def find_all(root: str) -> list[Container]:
    """Return all containers under `root`, by id."""
    try:
        names = sorted(entry.name for entry in os.scandir(root) if entry.is_dir())
    except FileNotFoundError:
        return []
    found = []
    for name in names:
        try:
            found.append(find(root, name))
        except (NotFound, InvalidSpec):  # deleted meanwhile, or no container's
            continue
    return found


def find_matching(root: str, expression: str) -> list[Container]:
    """Return all containers in whose ids a regular expression is found. Raises InvalidSpec."""
    try:
        wanted = re.compile(expression)
    except re.error as error:
        raise InvalidSpec("--regex", f"{expression!r}: {error}") from None
    return [container for container in find_all(root) if wanted.search(container.record.id)]


def lock(container: Container) -> int:
    """Take the lock of who makes, starts or deletes it; closing the descriptor gives it back.

    Raises NotFound where the container went meanwhile.
    """
    return locks.acquire(f"{container.directory}/{_LOCK}")


def remove(container: Container) -> None:
    """Remove the directory; nothing but files of ours is in it."""
    for name in ("gate", "waiting", _CONFIG, _LOCK):
        _unlink(f"{container.directory}/{name}")
    for entry in os.scandir(container.directory):
        if entry.name != _RECORD:  # drafts that a crash has left
            _unlink(entry.path)
    _unlink(f"{container.directory}/{_RECORD}")
    os.rmdir(container.directory)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


def _is_being_made(directory: str) -> bool:
    try:
        os.close(locks.acquire(f"{directory}/{_LOCK}", wait=False))
    except Unavailable:
        return True
    except NotFound:
        return False
    return False


def _unfinished(identity: str) -> Record:
    """Stand for a container whose maker died at once, so that it can be deleted."""
    return Record(id=identity, bundle="", rootfs="", created="", owner="", cgroup="")
