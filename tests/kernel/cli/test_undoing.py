"""What is refused, or killed halfway, leaves nothing, or something that delete removes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.lab import until
from tests.kernel.runtimes import Runtime, reap, user_namespace

pytestmark = pytest.mark.kernel

NEW = [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")]
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "command": ({"process": {"args": ["/bin/nothing"]}}, "process.args"),
    "directory": ({"process": {"cwd": "/bin/sh"}}, "/bin/sh"),
    "root": ({"root": {"path": "no-root"}}, "root.path"),
    "namespace": (
        {"linux": {"namespaces": [*NEW, {"type": "network", "path": "/dev/null"}]}},
        "setns",
    ),
    "missing namespace": (
        {"linux": {"namespaces": [*NEW, {"type": "network", "path": "/no/net"}]}},
        "linux.namespaces",
    ),
    "sysctl": ({"linux": {"sysctl": {"net.ipv4.ip_forward": "abc"}}}, "net.ipv4.ip_forward"),
    "device": (
        {"linux": {"devices": [{"path": "/bin/sh", "type": "c", "major": 1, "minor": 3}]}},
        "something else is there",
    ),
    "limit": ({"linux": {"resources": {"pids": {"limit": -7}}}}, "linux.resources.pids.limit"),
    "cgroup": ({"linux": {"cgroupsPath": "/"}}, "linux.cgroupsPath"),
    "rlimit": (
        {"process": {"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 9, "hard": 2**40}]}},
        "limit 7",
    ),
    "hook": ({"hooks": {"createContainer": [{"path": "/bin/false"}]}}, "hooks.createContainer[0]"),
    "id": (
        {"linux": user_namespace(), "process": {"user": {"uid": 70_000, "gid": 0}}},
        "process.user.uid",
    ),
    "terminal": ({"process": {"terminal": True}}, "--console-socket"),
}


def groups_of(container: str) -> list[str]:
    """Return the cgroups that a container has without a path of its own."""
    name = f"moorage-oci-{container}"
    return [path for path, _, _ in os.walk("/sys/fs/cgroup") if path.endswith(f"/{name}")]


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_create_names_what_is_wrong_and_leaves_nothing(
    runtime: Runtime, case: str
) -> None:
    changes, told = REFUSED[case]
    bundle = runtime.bundle("/bin/sleep", "1000", **changes)
    box = runtime.name()
    before = set(os.listdir("/proc"))

    done = runtime("create", "--bundle", str(bundle), box, check=False)

    assert done.code == 1
    assert told in done.err, done.err
    assert not (runtime.root / box).exists()
    assert groups_of(box) == []
    reap()
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    assert not set(children) - before


def test_a_create_that_is_killed_can_be_deleted(runtime: Runtime) -> None:
    hooks = {"createRuntime": [{"path": "/bin/sleep", "args": ["sleep", "1000"]}]}
    box = runtime.name()
    bundle = runtime.bundle("/bin/true", hooks=hooks)
    maker = subprocess.Popen(runtime.command("create", "--bundle", str(bundle), box))
    record = runtime.root / box / "record.json"
    until(lambda: record.exists() and json.loads(record.read_text())["pid"])
    children = Path(f"/proc/{maker.pid}/task/{maker.pid}/children")
    until(lambda: len(children.read_text().split()) == 2)
    creating = runtime.state(box)
    hook = max(int(pid) for pid in children.read_text().split())

    maker.kill()
    maker.wait()
    os.kill(hook, signal.SIGKILL)
    until(lambda: runtime.status(box) == "stopped")
    runtime("delete", box)

    assert creating["pid"] > 0
    assert not (runtime.root / box).exists()
    assert groups_of(box) == []


def test_a_directory_without_a_record_can_be_deleted(runtime: Runtime) -> None:
    box = runtime.name()
    (runtime.root / box).mkdir(parents=True)

    assert runtime.status(box) == "stopped"
    runtime("delete", box)

    assert not (runtime.root / box).exists()


def test_a_start_that_dies_before_it_has_sent_all_has_not_been(runtime: Runtime) -> None:
    box = runtime.create(runtime.bundle("/bin/sleep", "1000"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as half:
        half.connect(str(runtime.root / box / "gate"))
        half.send(b'{"id":')

    assert runtime.status(box) == "created"
    runtime("start", box)
    assert runtime.status(box) == "running"


def test_a_start_that_fails_says_why_and_it_has_stopped(runtime: Runtime) -> None:
    hooks = {"startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "exit 3"]}]}
    box = runtime.create(runtime.bundle("/bin/true", hooks=hooks))

    done = runtime("start", box, check=False)

    assert done.code == 1
    assert "hooks.startContainer[0]" in done.err
    until(lambda: runtime.status(box) == "stopped")


def test_what_execve_refuses_is_told_by_start(runtime: Runtime) -> None:
    bundle = runtime.bundle("/strange")
    (bundle / "rootfs/strange").write_bytes(b"\x7fELF and nothing more")
    (bundle / "rootfs/strange").chmod(0o755)
    box = runtime.create(bundle)

    done = runtime("start", box, check=False)

    assert "process.args: /strange: exec format error" in done.err


def test_a_run_that_fails_leaves_nothing(runtime: Runtime) -> None:
    hooks = {"startContainer": [{"path": "/bin/false"}]}
    box = runtime.name()
    bundle = runtime.bundle("/bin/true", hooks=hooks)

    done = runtime("run", "--bundle", str(bundle), box, check=False)

    assert done.code == 1
    assert not (runtime.root / box).exists()
    assert groups_of(box) == []


def test_a_number_that_is_used_again_is_not_taken_for_the_container(runtime: Runtime) -> None:
    box = runtime.create(runtime.bundle("/bin/true"))
    runtime("start", box)
    until(lambda: runtime.status(box) == "stopped")
    record = runtime.root / box / "record.json"
    with subprocess.Popen(["sleep", "1000"]) as bystander:
        body = json.loads(record.read_text()) | {"pid": bystander.pid}
        record.write_text(json.dumps(body))

        status = runtime.status(box)
        killed = runtime("kill", box, "KILL", check=False)
        runtime("delete", "--force", box)

        assert (status, killed.code) == ("stopped", 1)
        assert "container not running" in killed.err
        assert bystander.poll() is None
        bystander.kill()


def test_faults_are_written_where_engines_look(runtime: Runtime, tmp_path: Path) -> None:
    log = tmp_path / "log"

    runtime("--log", str(log), "--log-format", "json", "state", "nobody", check=False)
    runtime("--log", str(log), "state", "nobody", check=False)

    lines = log.read_text().splitlines()
    told = json.loads(lines[0])
    assert (told["level"], told["msg"]) == ("error", "no such container: nobody does not exist")
    assert 'level=error msg="no such container: nobody does not exist"' in lines[1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("create", "a", "b"), "create: takes ID"),
        (("create", "--colour", "red", "a"), "--colour: is not a flag"),
        (("dance",), "dance: is no command"),
        (("create", "../x"), "ID: '../x'"),
        (("--systemd-cgroup", "run", "x"), "--systemd-cgroup"),
        (("kill", "x", "SIGNOTHING"), "no such container"),
    ],
)
def test_words_that_make_no_sense_are_named(
    runtime: Runtime, words: tuple[str, ...], told: str
) -> None:
    bundle = ("--bundle", str(runtime.bundle("/bin/true"))) if words[-2:-1] == ("run",) else ()

    done = runtime(*words[:-1], *bundle, *words[-1:], check=False)

    assert done.code == 1
    assert told in done.err
