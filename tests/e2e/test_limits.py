"""What a container prints, and what it may use, as seen over REST."""

from __future__ import annotations

import time

import pytest

from tests.e2e.conftest import Platform
from tests.e2e.fleet import IMAGE, Fleet

pytestmark = pytest.mark.e2e
ATTEMPTS = 5
"""The limit is a ceiling; to see the floor nothing else may want the CPU meanwhile."""
BOMB = "bomb() { bomb | bomb & }; bomb; sleep 2; echo over"


@pytest.fixture
def fleet(platform: Platform) -> Fleet:
    platform.until(platform.healthy)
    found = Fleet(platform)
    listed = found.ask("GET", "/images", expect=[200])["results"]
    if not any(IMAGE in reference for one in listed for reference in one["references"]):
        found.load()
    return found


def test_a_container_says_who_and_where_it_is(fleet: Fleet) -> None:
    one = fleet.run("hello", "echo hello; id; hostname")

    assert fleet.wait(one) == {"exit_code": 0, "oom_killed": False}
    assert fleet.inspect(one)["state"] == "exited"
    hello, who, where = fleet.output(one).splitlines()
    assert hello == "hello"
    assert who.startswith("uid=0(root) gid=0(root)")
    assert where == one[:12]
    fleet.delete(one)


def test_a_memory_hog_is_killed_and_told_so(fleet: Fleet) -> None:
    one = fleet.run("hog", "exec tail /dev/zero", limits={"memory_bytes": 64 << 20})

    ended = fleet.wait(one)

    assert ended == {"exit_code": 137, "oom_killed": True}
    fleet.delete(one)


def test_a_fork_bomb_stays_below_its_limit_of_processes(fleet: Fleet) -> None:
    one = fleet.run("bomb", "echo armed; sleep 2; " + BOMB, limits={"pids": 50})
    pid, _ = fleet.pids()[one]
    counter = process_counter(pid)

    seen = refused = 0
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            seen = max(seen, int(read(counter)))
            refused = int(read(counter.replace("pids.current", "pids.events")).split()[1])
        except OSError:
            break
        time.sleep(0.01)

    assert refused > 0, "the bomb never met its limit"
    assert seen <= 50
    fleet.delete(one)


def read(path: str) -> str:
    with open(path) as file:
        return file.read()


def process_counter(pid: int) -> str:
    """Return the file that counts the processes of a process's cgroup (cgroups(7))."""
    with open(f"/proc/{pid}/cgroup") as file:
        groups = [line.rstrip("\n").split(":") for line in file]
    paths = {names: path for _, names, path in groups}
    if "pids" in paths:
        return f"/sys/fs/cgroup/pids{paths['pids']}/pids.current"
    return f"/sys/fs/cgroup{paths['']}/pids.current"


def test_half_a_cpu_is_half_a_cpu(fleet: Fleet) -> None:
    one = fleet.run("busy", "while :; do :; done", limits={"cpus": 0.5})
    pid, _ = fleet.pids()[one]
    time.sleep(0.5)

    shares = []
    for _ in range(ATTEMPTS):
        began, used = time.monotonic(), cpu_seconds(pid)
        time.sleep(3)
        shares.append((cpu_seconds(pid) - used) / (time.monotonic() - began))
        if shares[-1] >= 0.45:
            break

    assert max(shares) <= 0.55
    assert shares[-1] >= 0.45, f"{shares}: too much else runs on this machine"
    fleet.delete(one)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used (proc_pid_stat(5))."""
    with open(f"/proc/{pid}/schedstat") as file:
        return int(file.read().split()[0]) / 1e9
