"""What exec of our command line does beside what every runtime does."""

from __future__ import annotations

import json
import os
import pty
import signal
import struct
import subprocess
import termios
from fcntl import ioctl
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.lab import until
from tests.kernel.runtimes import (
    Runtime,
    end,
    give_to_root_inside,
    read_until,
    reap,
    user_namespace,
)

pytestmark = pytest.mark.kernel

GROUPS = Path("/sys/fs/cgroup")


def running(runtime: Runtime, **changes: Any) -> str:
    """Start a container that does nothing."""
    box = runtime.create(runtime.bundle("/bin/sleep", "1000", **changes))
    runtime("start", box)
    return box


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("box",), "exec: takes ID COMMAND"),
        (("--user", "alice", "box", "true"), "--user: 'alice'"),
        (("--apparmor", "strict", "box", "true"), "process.apparmorProfile"),
        (("--process-label", "a:b", "box", "true"), "process.selinuxLabel"),
        (("--cap", "CAP_FLY", "box", "true"), "process.capabilities.bounding"),
        (("--cwd", "nowhere", "box", "true"), "process.cwd"),
        (("--cwd", "/no/where", "box", "true"), "process.cwd"),
        (("--process", "/no/file", "box"), "--process: /no/file"),
        (("--process", "/etc/passwd", "box"), "is not JSON"),
        (("--cgroup", "no-group", "box", "true"), "--cgroup"),
        (("--cgroup", "../..", "box", "true"), "leaves the container's cgroup"),
        (("--cgroup", "dance:x", "box", "true"), "no group of dance"),
        (("--tty", "--detach", "box", "true"), "--console-socket: is needed"),
        (("--console-socket", "/x", "box", "true"), "process.terminal is not set"),
        (("--colour", "box", "true"), "--colour: is not a flag"),
    ],
)
def test_what_makes_no_sense_is_named_and_nothing_is_left(
    runtime: Runtime, words: tuple[str, ...], told: str
) -> None:
    box = running(runtime)

    done = runtime("exec", *[box if word == "box" else word for word in words], check=False)

    assert done.code == 1
    assert told in done.err, done.err
    reap()
    assert len(json.loads(runtime("ps", "--format", "json", box).out)) == 1


def test_an_id_outside_of_the_user_namespace_is_refused(runtime: Runtime) -> None:
    bundle = runtime.bundle("/bin/sleep", "1000", linux=user_namespace())
    box = runtime.create(give_to_root_inside(bundle))
    runtime("start", box)

    done = runtime("exec", "--user", "70000", box, "true", check=False)

    assert "process.user.uid: 70000" in done.err


def test_in_a_paused_container_it_waits_if_told_to(runtime: Runtime, tmp_path: Path) -> None:
    box = running(runtime)
    runtime("pause", box)
    words = runtime.command("exec", "--ignore-paused", box, "echo", "went on")

    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as waiting:
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(0.5)
        runtime("resume", box)
        told, _ = waiting.communicate(timeout=20)

    assert (waiting.returncode, told) == (0, "went on\n")


def test_a_container_that_waits_for_its_start_can_be_looked_into(runtime: Runtime) -> None:
    box = runtime.create(runtime.bundle("/bin/sleep", "1000", hostname="harbour"))

    assert runtime("exec", box, "hostname").out == "harbour\n"
    assert runtime.status(box) == "created"


def test_a_group_below_can_be_named(runtime: Runtime, tmp_path: Path) -> None:
    box = running(runtime)
    found = [Path(path) for path, _, _ in os.walk(GROUPS) if path.endswith(f"/moorage-oci-{box}")]
    for group in found:
        (group / "below").mkdir()
        for name in ("cpuset.cpus", "cpuset.mems"):  # of v1, where a new group has none
            if (group / name).exists():
                (group / "below" / name).write_text((group / name).read_text())
    file = tmp_path / "pid"

    flags = ("--cgroup", "below", "--detach", "--pid-file", str(file))
    runtime("exec", *flags, box, "/bin/sleep", "1000")
    pid = int(file.read_text())
    groups = Path(f"/proc/{pid}/cgroup").read_text()
    listed = json.loads(runtime("ps", "--format", "json", box).out)
    runtime("kill", box, "KILL")
    os.waitpid(pid, 0)  # ours since its runtime has ended; the first process waits for its end

    assert groups.count(f"/moorage-oci-{box}/below\n") == len(found)
    assert pid in listed
    until(lambda: runtime.status(box) == "stopped")


def test_what_has_no_room_is_told(runtime: Runtime) -> None:
    box = running(runtime, linux={"resources": {"pids": {"limit": 1}}})

    done = runtime("exec", box, "true", check=False)

    assert done.code == 1
    assert "linux.resources.pids" in done.err or "Resource temporarily" in done.err


def test_signals_are_passed_on_and_tell_how_it_ended(runtime: Runtime) -> None:
    box = running(runtime)
    script = "trap 'echo term; exit 5' TERM; echo up; while :; do sleep 0.05; done"
    words = runtime.command("exec", box, "/bin/sh", "-c", script)

    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as shown:
        assert shown.stdout is not None
        assert shown.stdout.readline() == "up\n"
        shown.terminate()
        assert shown.stdout.readline() == "term\n"
        assert shown.wait(10) == 5
    assert runtime("exec", box, "sh", "-c", "kill -9 $$", check=False).code == 128 + 9


def test_nothing_of_the_runtime_is_in_the_process(runtime: Runtime) -> None:
    box = running(runtime)

    signals = runtime("exec", box, "grep", "^Sig", "/proc/self/status").out
    variables = runtime("exec", box, "env").out
    session = runtime("exec", box, "sh", "-c", "cut -d' ' -f5,6 /proc/$$/stat; echo $$").out.split()

    masks = {line.split()[0]: line.split()[1] for line in signals.splitlines()}
    assert masks["SigIgn:"] == masks["SigBlk:"] == masks["SigCgt:"] == "0" * 16
    assert sorted(variables.splitlines()) == ["HOME=/root", "PATH=/bin"]
    assert session[0] == session[1] == session[2]


def test_a_terminal_belongs_to_the_user_inside(runtime: Runtime) -> None:
    bundle = runtime.bundle("/bin/sleep", "1000", linux=user_namespace())
    box = runtime.create(give_to_root_inside(bundle))
    runtime("start", box)

    told = runtime("exec", "--tty", "--user", "1000:1000", box, "sh", "-c", "stat -c %u $(tty)").out

    assert told.split() == ["1000"]


def test_what_a_terminal_still_holds_at_the_end_is_told(runtime: Runtime) -> None:
    box = running(runtime)

    told = runtime("exec", "--tty", box, "sh", "-c", "for i in $(seq 2000); do echo $i; done").out

    assert told.split() == [str(number) for number in range(1, 2001)]


def test_a_process_that_lives_on_is_no_reason_to_stay(runtime: Runtime, tmp_path: Path) -> None:
    box = running(runtime)
    file = tmp_path / "pid"

    runtime("exec", "--detach", "--pid-file", str(file), box, "/bin/sleep", "1000")

    pid = int(file.read_text())
    assert Path(f"/proc/{pid}/comm").read_text() == "sleep\n"
    end(pid)


def test_a_further_process_runs_where_and_when_it_should(runtime: Runtime) -> None:
    box = running(runtime, process={"scheduler": {"policy": "SCHED_BATCH", "nice": 7}})
    description = {
        "args": [
            "/bin/sh",
            "-c",
            "cut -d' ' -f19,41 /proc/self/stat; grep Cpus_a /proc/self/status",
        ],
        "cwd": "/",
        "env": ["PATH=/bin"],
        "scheduler": {"policy": "SCHED_OTHER", "nice": 3},
        "execCPUAffinity": {"initial": "0", "final": "0"},
    }
    file = runtime.directory / "process.json"
    file.write_text(json.dumps(description))

    told = runtime("exec", "--process", str(file), box).out
    plain = runtime("exec", box, "cut", "-d ", "-f19,41", "/proc/self/stat").out

    assert told.split("\n")[0] == "3 0"
    assert "Cpus_allowed_list:\t0\n" in told
    assert plain == "7 3\n"


@pytest.mark.parametrize("verb", ["exec", "run"])
def test_in_the_foreground_the_callers_terminal_is_its_own(runtime: Runtime, verb: str) -> None:
    wait = 'while [ "$(stty size)" = "33 101" ]; do sleep 0.05; done'
    script = f"stty size; echo ready; {wait}; stty size; read line; echo got $line; exit 5"
    args = ("/bin/sh", "-c", script)
    words: tuple[str, ...]
    if verb == "exec":
        words = ("exec", "--tty", running(runtime), *args)
    else:
        bundle = runtime.bundle(*args, process={"terminal": True})
        words = ("run", "--bundle", str(bundle), runtime.name())
    master, slave = pty.openpty()
    ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
    before = termios.tcgetattr(slave)
    with subprocess.Popen(
        runtime.command(*words), stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    ) as shown:
        told = read_until(master, b"ready\r\n")
        raw = termios.tcgetattr(slave)
        ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 44, 55, 0, 0))
        shown.send_signal(signal.SIGWINCH)
        os.write(master, b"typed\r")
        told += read_until(master, b"got typed\r\n")
        code = shown.wait(20)
    after = termios.tcgetattr(slave)
    os.close(master)
    os.close(slave)

    assert told.decode().split()[:3] == ["33", "101", "ready"]
    assert "44 55" in told.decode()
    assert code == 5
    assert not raw[3] & termios.ICANON
    assert after == before
