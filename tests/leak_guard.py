"""What the tests may not leave behind on the machine, compared before and after.

As a fixture it watches single tests (tests/conftest.py); as a command the whole run:
`python -m tests.leak_guard before FILE`, run, `python -m tests.leak_guard after FILE`.
Standard library only, so that it works with nothing installed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

CGROUP_ROOT = "/sys/fs/cgroup"
NAME = "moorage"
OWN_NAMES = (NAME, "mo-")
WATCHED = ("/run", "/var/lib", "/var/tmp", "/run/netns")
"""Directories in which any new entry counts."""
SHARED = ("/tmp", "/dev/shm")
"""Directories that others use too: only entries with one of `OWN_NAMES` count."""
ROOT_VARIABLES = (b"DATA_ROOT=", b"RUN_ROOT=")
PLATFORM_COMMANDS = ("panel.", "runtime.shim", "runtime.zygote", "valkey-server", "--data-root")

Snapshot = dict[str, set[str]]
"""Kind of thing -> the names of those that are there."""


def mounts() -> set[str]:
    """Name each mount of this namespace by place, type and source (proc_pid_mountinfo(5))."""
    found = set()
    with open("/proc/self/mountinfo") as file:
        for line in file:
            left, right = line.rstrip("\n").split(" - ", 1)
            found.add(f"{left.split(' ')[4]} {right.split(' ', 2)[0]} {right.split(' ', 2)[1]}")
    return found


def cgroups() -> set[str]:
    """Name each cgroup that carries our name, or lies in one that does, of every hierarchy."""
    return {path for path, _names, _files in os.walk(CGROUP_ROOT) if NAME in path}


def links() -> set[str]:
    """Name each network link of this namespace."""
    return set(os.listdir("/sys/class/net"))


def network_namespaces() -> set[str]:
    """Name each network namespace that a process is in."""
    found = set()
    for pid in _pids():
        try:
            found.add(os.readlink(f"/proc/{pid}/ns/net"))
        except OSError:
            continue
    return found


def nft_tables() -> set[str]:
    """Name each nftables table; nothing where there is no `nft`."""
    if shutil.which("nft") is None:
        return set()
    listed = subprocess.run(
        ["nft", "list", "tables"], check=True, capture_output=True, text=True, timeout=20
    )
    return set(listed.stdout.splitlines())


def processes() -> set[str]:
    """Name each process of the platform: by its cgroup, its roots or its command."""
    found = set()
    for pid in _pids():
        try:
            if _is_ours(pid):
                found.add(f"{pid} {_command(pid)}")
        except OSError:
            continue
    return found


def files() -> set[str]:
    """Name each entry of the directories in which the platform keeps things."""
    found = {f"{top}/{name}" for top in WATCHED if os.path.isdir(top) for name in os.listdir(top)}
    for top in SHARED:
        if os.path.isdir(top):
            found |= {f"{top}/{name}" for name in os.listdir(top) if name.startswith(OWN_NAMES)}
    return found


def descriptors() -> set[str]:
    """Name each open file of this process."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            found.add(f"{number} {os.readlink(f'/proc/self/fd/{number}')}")
        except OSError:
            continue
    return found


KINDS: dict[str, Callable[[], set[str]]] = {
    "mount": mounts,
    "cgroup": cgroups,
    "link": links,
    "network namespace": network_namespaces,
    "nft table": nft_tables,
    "process": processes,
    "file": files,
}


def snapshot(*, own_descriptors: bool = False) -> Snapshot:
    """Look at the machine; `own_descriptors` adds the open files of this process."""
    taken = {kind: look() for kind, look in KINDS.items()}
    if own_descriptors:
        taken["descriptor"] = descriptors()
    return taken


def left_behind(before: Snapshot, after: Snapshot) -> list[str]:
    """Return one line for each thing that is there after and was not before."""
    return [
        f"{kind}: {name}"
        for kind in before
        for name in sorted(after.get(kind, set()) - before[kind])
    ]


def lost(before: Snapshot, after: Snapshot) -> list[str]:
    """Return one line for each mount, link and table that was the host's and is gone."""
    return [
        f"{kind} is gone: {name}"
        for kind in ("mount", "link", "nft table")
        for name in sorted(before.get(kind, set()) - after.get(kind, set()))
    ]


def settle(before: Snapshot, *, seconds: float = 5.0) -> list[str]:
    """Return what is left behind, after giving the kernel `seconds` to finish its clean-up."""
    until = time.monotonic() + seconds
    while True:
        after = snapshot(own_descriptors="descriptor" in before)
        found = left_behind(before, after) + lost(before, after)
        if not found or time.monotonic() > until:
            return found
        time.sleep(0.1)


def _pids() -> Iterator[str]:
    return (name for name in os.listdir("/proc") if name.isdigit())


def _is_ours(pid: str) -> bool:
    if int(pid) in (os.getpid(), os.getppid()):
        return False
    with open(f"/proc/{pid}/cgroup") as file:
        if NAME in file.read():
            return True
    command = _command(pid)
    if not command:
        return False
    if command.startswith(sys.executable) and "manage.py test" in command:
        return False
    if any(part in command for part in PLATFORM_COMMANDS):
        return True
    with open(f"/proc/{pid}/environ", "rb") as environment:
        names = environment.read().split(b"\0")
    return any(entry.startswith(ROOT_VARIABLES) for entry in names)


def _command(pid: str) -> str:
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read().replace(b"\0", b" ").decode(errors="replace").strip()


def main(arguments: list[str]) -> int:
    """Write the snapshot `before`, or compare with it `after`; 1 if something is left behind."""
    if len(arguments) != 2 or arguments[0] not in ("before", "after"):
        print("usage: python -m tests.leak_guard before|after FILE", file=sys.stderr)
        return 2
    moment, path = arguments
    if moment == "before":
        with open(path, "w") as file:
            json.dump({kind: sorted(names) for kind, names in snapshot().items()}, file)
        return 0
    with open(path) as file:
        before = {kind: set(names) for kind, names in json.load(file).items()}
    found = settle(before, seconds=15.0)
    for line in found:
        print(f"left behind: {line}")
    print(f"leak guard: {len(found)} things left behind")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
