"""Further processes in a container: exec. The same for every runtime."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.lab import until
from tests.kernel.runtimes import (
    OURS,
    Runtime,
    end,
    give_to_root_inside,
    read_until,
    user_namespace,
)

pytestmark = pytest.mark.kernel

KINDS = ("cgroup", "ipc", "mnt", "net", "pid", "uts")


def running(runtime: Runtime, **changes: Any) -> str:
    """Start a container that does nothing."""
    bundle = runtime.bundle("/bin/sleep", "1000", **changes)
    if "uidMappings" in changes.get("linux", {}):
        give_to_root_inside(bundle)
    box = runtime.create(bundle)
    runtime("start", box)
    return box


def process(runtime: Runtime, script: str, **changes: Any) -> str:
    """Write the description of a process that is a shell script, and return its path."""
    plain = {
        "args": ["/bin/sh", "-c", script],
        "cwd": "/",
        "env": ["PATH=/bin"],
        "user": {"uid": 0, "gid": 0},
        "capabilities": {},
    }
    path = runtime.directory / f"process-{runtime.name()}.json"
    path.write_text(json.dumps(plain | changes))
    return str(path)


def test_stdio_and_the_exit_code_are_passed_on(runtime: Runtime, tmp_path: Path) -> None:
    box = running(runtime)
    (tmp_path / "in").write_text("from outside")

    with (tmp_path / "in").open() as stdin:
        script = "cat; echo wrong >&2; exit 7"
        done = runtime("exec", box, "/bin/sh", "-c", script, stdin=stdin, check=False)

    assert (done.code, done.out, done.err) == (7, "from outside", "wrong\n")


def test_it_is_where_the_first_process_is(runtime: Runtime, tmp_path: Path) -> None:
    box = running(runtime)
    first = runtime.state(box)["pid"]
    file = tmp_path / "pid"

    runtime("exec", "--detach", "--pid-file", str(file), box, "/bin/sleep", "1000")
    pid = int(file.read_text())

    for kind in KINDS:
        assert os.readlink(f"/proc/{pid}/ns/{kind}") == os.readlink(f"/proc/{first}/ns/{kind}")
    for name in ("root", "cwd"):
        assert os.stat(f"/proc/{pid}/{name}").st_ino == os.stat(f"/proc/{first}/{name}").st_ino
    assert Path(f"/proc/{pid}/comm").read_text() == "sleep\n"
    groups = [sorted(Path(f"/proc/{who}/cgroup").read_text().split()) for who in (pid, first)]
    assert groups[0] == groups[1]
    end(pid)


def test_it_has_the_bundles_environment_and_what_the_flags_add(runtime: Runtime) -> None:
    box = running(runtime, process={"env": ["PATH=/bin", "A=1"]})
    flags = ("--env", "B=2", "--env", "C=3", "--cwd", "/home", "--user", "1000:33")

    told = runtime("exec", *flags, box, "/bin/sh", "-c", "echo $A$B$C; pwd; id -u; id -g").out

    # crun 1.8 takes flags in place of the bundle's environment
    variables = "23" if runtime.program == "crun" else "123"
    assert told.split() == [variables, "/home", "1000", "33"]


def test_a_process_is_as_its_file_describes_it(runtime: Runtime) -> None:
    box = running(runtime, process={"env": ["PATH=/bin", "A=1"]})
    names = ["CAP_KILL"]
    sets = dict.fromkeys(("bounding", "permitted", "effective"), names)
    script = "echo $A.; pwd; id -G; umask; ulimit -n; cat /proc/self/oom_score_adj;"
    script += "grep -E '^(CapBnd|NoNewPrivs)' /proc/self/status"
    path = process(
        runtime,
        script,
        cwd="/home/alice",
        user={"uid": 1000, "gid": 33, "additionalGids": [44], "umask": 0o27},
        capabilities=sets,
        rlimits=[{"type": "RLIMIT_NOFILE", "soft": 99, "hard": 99}],
        noNewPrivileges=True,
        oomScoreAdj=321,
    )

    told = runtime("exec", "--process", path, box).out.split()

    umask = "0022" if runtime.program == "runc" else "0027"  # runc 1.1 leaves it alone
    score = "321" if runtime.program == OURS else "0"  # as both others leave this
    assert told[:6] == [".", "/home/alice", "33", "44", umask, "99"]
    assert told[6:8] == [score, "CapBnd:"]
    assert (int(told[8], 16), told[9:]) == (1 << 5, ["NoNewPrivs:", "1"])


def test_a_capability_can_be_added(runtime: Runtime) -> None:
    box = running(runtime)

    told = runtime("exec", "--cap", "CAP_KILL", box, "grep", "CapEff", "/proc/self/status").out

    assert int(told.split()[1], 16) == 1 << 5


def test_it_is_in_the_user_namespace(runtime: Runtime) -> None:
    box = running(runtime, linux=user_namespace())
    first = runtime.state(box)["pid"]

    script = "id -u; readlink /proc/self/ns/user; touch /made; stat -c %u /made"
    told = runtime("exec", box, "/bin/sh", "-c", script).out.split()

    assert told == ["0", os.readlink(f"/proc/{first}/ns/user"), "0"]


def test_the_filter_of_the_bundle_holds(runtime: Runtime) -> None:
    rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}
    seccomp = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [rule],
    }
    box = running(runtime, linux={"seccomp": seccomp})

    assert "No space left" in runtime("exec", box, "mkdir", "/new", check=False).err


@pytest.mark.parametrize("status", ["paused", "stopped"])
def test_it_is_refused_where_nothing_runs(runtime: Runtime, status: str) -> None:
    box = running(runtime)
    if status == "paused":
        runtime("pause", box)
    else:
        runtime("kill", box, "KILL")
        until(lambda: runtime.status(box) == "stopped")
    if (runtime.program, status) == ("crun", "paused"):
        return  # it would wait till it is resumed

    assert runtime("exec", box, "/bin/true", check=False).code != 0


def test_a_command_that_is_not_there_is_told(runtime: Runtime) -> None:
    box = running(runtime)

    done = runtime("exec", box, "/bin/not-there", check=False)

    assert done.code != 0
    assert "no such file" in done.err.lower()


def test_descriptors_are_preserved_for_it(runtime: Runtime, tmp_path: Path) -> None:
    box = running(runtime)
    script = "echo preserved >&3; ls /proc/self/fd"
    words = ("exec", "--preserve-fds", "1", box, "/bin/sh", "-c", script)
    file = tmp_path / "preserved"
    shell = ["sh", "-c", f'exec "$@" 3>{file} 9</dev/null', "sh", *runtime.command(*words)]

    done = subprocess.run(
        shell, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    )

    assert file.read_text() == "preserved\n"
    assert done.stdout.split() == ["0", "1", "2", "3", "4"]


def test_its_terminal_comes_over_the_console_socket(runtime: Runtime, tmp_path: Path) -> None:
    box = running(runtime)
    path = tmp_path / "console"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        flags = ("--tty", "--detach", "--console-socket", str(path))
        runtime("exec", *flags, box, "/bin/sh", "-c", "tty; read line; echo got $line; echo done")
        connection, _ = listener.accept()
    _, fds, _, _ = socket.recv_fds(connection, 1000, 1)
    connection.close()

    os.write(fds[0], b"typed\n")
    told = read_until(fds[0], b"done\r\n")
    os.close(fds[0])

    words = told.decode().split()
    assert any(word.startswith("/dev/pts/") for word in words)
    assert words[-3:] == ["got", "typed", "done"]
