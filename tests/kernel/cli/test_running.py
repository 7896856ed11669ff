"""What our command line does beside what every runtime does."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.lab import until
from tests.kernel.runtimes import ROOT, Runtime, give_to_root_inside, user_namespace

pytestmark = pytest.mark.kernel


def test_the_program_is_the_module(runtime: Runtime) -> None:
    module = subprocess.run(
        [str(ROOT / ".venv/bin/python"), "-m", "runtime", "features"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )

    assert json.loads(module.stdout) == json.loads(runtime("features").out)


def test_it_needs_nothing_of_the_callers_directory_nor_variables(
    runtime: Runtime, tmp_path: Path
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}

    runtime("list", cwd=tmp_path, env=environment)


def test_a_detached_container_runs_on(runtime: Runtime) -> None:
    box = runtime.name()
    bundle = runtime.bundle("/bin/sleep", "1000")

    runtime("run", "--detach", "--bundle", str(bundle), box)

    assert runtime.status(box) == "running"


def test_what_is_kept_has_stopped(runtime: Runtime) -> None:
    box = runtime.name()

    runtime("run", "--keep", "--bundle", str(runtime.bundle("/bin/true")), box)

    assert runtime.status(box) == "stopped"
    assert runtime.state(box)["pid"] == 0


def test_run_passes_signals_on_and_says_how_it_ended(runtime: Runtime) -> None:
    script = "trap 'echo term; exit 5' TERM; echo up; while :; do sleep 0.05; done"
    box = runtime.name()
    words = ("run", "--bundle", str(runtime.bundle("/bin/sh", "-c", script)), box)
    with subprocess.Popen(runtime.command(*words), stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "up\n"
        running.send_signal(signal.SIGTERM)

        assert running.stdout.readline() == "term\n"
        assert running.wait(10) == 5
    assert not (runtime.root / box).exists()


def test_a_signal_that_ends_it_is_128_and_more(runtime: Runtime) -> None:
    box = runtime.name()
    words = ("run", "--bundle", str(runtime.bundle("/bin/sleep", "1000")), box)
    with subprocess.Popen(runtime.command(*words)) as running:
        until(lambda: (runtime.root / box).exists() and runtime.status(box) == "running")
        runtime("kill", box, "KILL")

        assert running.wait(10) == 128 + 9


def test_the_terminal_comes_over_the_console_socket(runtime: Runtime, tmp_path: Path) -> None:
    process = {"terminal": True, "consoleSize": {"height": 33, "width": 101}}
    script = "tty; stty size; stat -c %t:%T /dev/console; echo done"
    bundle = runtime.bundle("/bin/sh", "-c", script, process=process)
    path = tmp_path / "console"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        box = runtime.create(bundle, "--console-socket", str(path))
        connection, _ = listener.accept()
    name, fds, _, _ = socket.recv_fds(connection, 100, 1)
    connection.close()

    runtime("start", box)
    told = b""
    while not told.endswith(b"done\r\n"):
        told += os.read(fds[0], 1000)
    os.close(fds[0])

    assert name == b"/dev/pts/0"
    assert told.decode().split() == ["/dev/pts/0", "33", "101", "88:0", "done"]


def test_a_console_socket_needs_a_terminal(runtime: Runtime, tmp_path: Path) -> None:
    words = ("create", "--bundle", str(runtime.bundle("/bin/true")), "--console-socket", "/x", "y")

    assert "--console-socket" in runtime(*words, check=False).err


def test_a_user_namespace_is_joined_with_its_ids(runtime: Runtime) -> None:
    holder = runtime.create(
        give_to_root_inside(runtime.bundle("/bin/sleep", "1000", linux=user_namespace()))
    )
    pid = runtime.state(holder)["pid"]
    runtime("start", holder)
    kinds: list[dict[str, Any]] = [{"type": kind} for kind in ("pid", "mount", "uts", "ipc")]
    kinds.append({"type": "user", "path": f"/proc/{pid}/ns/user"})
    script = "readlink /proc/self/ns/user; id -u; touch /made"

    bundle = runtime.bundle("/bin/sh", "-c", script, linux={"namespaces": kinds})
    told = runtime.run(give_to_root_inside(bundle)).out.split()

    assert told == [os.readlink(f"/proc/{pid}/ns/user"), "0"]
    assert (bundle / "rootfs/made").stat().st_uid == (bundle / "rootfs/bin").stat().st_uid


def test_clocks_are_ahead_in_a_time_namespace(runtime: Runtime) -> None:
    kinds = [{"type": kind} for kind in ("pid", "mount", "time")]
    linux = {"namespaces": kinds, "timeOffsets": {"boottime": {"secs": 500_000}}}

    uptime = float(runtime.shell("cat /proc/uptime", linux=linux).split()[0])

    assert uptime - time.clock_gettime(time.CLOCK_BOOTTIME) == pytest.approx(500_000, abs=60)


def test_the_hosts_clock_is_as_before_for_hooks(runtime: Runtime, tmp_path: Path) -> None:
    kinds = [{"type": kind} for kind in ("pid", "mount", "time")]
    linux = {"namespaces": kinds, "timeOffsets": {"boottime": {"secs": 500_000}}}
    file = tmp_path / "uptime"
    hook = {"path": "/bin/sh", "args": ["sh", "-c", f"cat /proc/uptime > {file}"]}

    runtime.shell("true", linux=linux, hooks={"createRuntime": [hook]})

    assert float(file.read_text().split()[0]) < 400_000


def test_personality(runtime: Runtime) -> None:
    told = runtime.shell("uname -m", linux={"personality": {"domain": "LINUX32"}})

    assert told in ("i686", "armv8l")


@pytest.mark.parametrize("propagation", ["private", "rprivate", "slave", "rslave", "shared"])
def test_the_roots_propagation_and_nothing_reaches_the_host(
    runtime: Runtime, propagation: str
) -> None:
    script = "grep ' / / ' /proc/self/mountinfo || grep -m1 ' / ' /proc/self/mountinfo"
    before = Path("/proc/self/mountinfo").read_text()

    told = runtime.shell(script, linux={"rootfsPropagation": propagation})

    assert ("shared:" in told) == (propagation == "shared")
    assert Path("/proc/self/mountinfo").read_text() == before


def test_without_a_pivot(runtime: Runtime) -> None:
    bundle = runtime.bundle("/bin/sh", "-c", "ls /; ls /..")

    lists = runtime.run(bundle, "--no-pivot").out.split()

    assert sorted(set(lists)) == sorted(os.listdir(bundle / "rootfs"))


def test_groups_are_seen_below_sys(runtime: Runtime) -> None:
    bundle = runtime.bundle(
        "/bin/sh", "-c", "cat /sys/fs/cgroup/pids/pids.max; mkdir /sys/fs/cgroup/pids/x"
    )
    config = json.loads((bundle / "config.json").read_text())
    config["mounts"] += [
        {"destination": "/sys", "type": "sysfs", "source": "sysfs"},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]},
    ]
    config["linux"]["resources"] = {"pids": {"limit": 55}}
    (bundle / "config.json").write_text(json.dumps(config))

    done = runtime.run(bundle, check=False)

    assert done.out.strip() == "55"
    assert "Read-only file system" in done.err


def test_no_cgroup_at_all(runtime: Runtime) -> None:
    box = runtime.name()
    bundle = runtime.bundle("/bin/sleep", "1000")
    runtime("--cgroup-manager=disabled", "create", "--bundle", str(bundle), box)

    pid = runtime.state(box)["pid"]
    groups = [Path(f"/proc/{who}/cgroup").read_text() for who in (pid, "self")]
    runtime("kill", "--all", box, "KILL")

    assert groups[0] == groups[1]
    until(lambda: runtime.status(box) == "stopped")


def test_capabilities_that_the_runtime_lacks_are_left_out_with_a_warning(
    runtime: Runtime,
) -> None:
    status = Path("/proc/self/status").read_text()
    held = next(int(line.split()[1], 16) for line in status.splitlines() if "CapPrm" in line)
    names = ["CAP_SYS_RESOURCE", "CAP_KILL"]
    sets = dict.fromkeys(("bounding", "permitted", "effective"), names)
    bundle = runtime.bundle(
        "/bin/grep", "CapEff", "/proc/self/status", process={"capabilities": sets}
    )

    done = runtime.run(bundle)

    assert int(done.out.split()[1], 16) == (1 << 24 | 1 << 5) & held
    assert ("CAP_SYS_RESOURCE is left out" in done.err) == (not held >> 24 & 1)


def test_nothing_of_the_interpreter_is_in_the_process(runtime: Runtime) -> None:
    signals = runtime.run(runtime.bundle("/bin/grep", "^Sig", "/proc/self/status")).out
    variables = runtime.run(runtime.bundle("/bin/env")).out

    masks = {line.split()[0]: line.split()[1] for line in signals.splitlines()}
    assert masks["SigIgn:"] == masks["SigBlk:"] == masks["SigCgt:"] == "0" * 16
    assert sorted(variables.splitlines()) == ["HOME=/root", "PATH=/bin"]


def test_sockets_of_a_service_manager_are_handed_on(runtime: Runtime, tmp_path: Path) -> None:
    bundle = runtime.bundle("/bin/sh", "-c", "echo $LISTEN_FDS $LISTEN_PID >&3")
    words = runtime.command("run", "--bundle", str(bundle), runtime.name())
    file = tmp_path / "told"
    environment = {**os.environ, "LISTEN_FDS": "1"}

    shell = ["sh", "-c", f'exec "$@" 3>{file}', "sh", *words]
    subprocess.run(shell, stdin=subprocess.DEVNULL, env=environment, check=True)

    assert file.read_text() == "1 1\n"


def test_what_is_paused_before_its_start_waits_for_both(runtime: Runtime) -> None:
    box = runtime.create(runtime.bundle("/bin/sleep", "1000"))

    runtime("pause", box)
    paused = runtime.status(box)
    refused = runtime("start", box, check=False)
    runtime("resume", box)

    assert (paused, runtime.status(box)) == ("paused", "created")
    assert "is paused" in refused.err


def test_only_what_is_paused_can_be_resumed(runtime: Runtime) -> None:
    box = runtime.create(runtime.bundle("/bin/sleep", "1000"))

    assert "cannot resume a container that is created" in runtime("resume", box, check=False).err
    runtime("pause", box)
    assert "cannot pause a container that is paused" in runtime("pause", box, check=False).err


def test_a_pattern_that_is_none_is_named(runtime: Runtime) -> None:
    for verb in ("kill", "delete"):
        assert "--regex: '('" in runtime(verb, "--regex", "(", check=False).err


def test_what_has_stopped_has_no_events(runtime: Runtime) -> None:
    box = runtime.create(runtime.bundle("/bin/true"))
    runtime("start", box)
    until(lambda: runtime.status(box) == "stopped")

    assert "is stopped has no events" in runtime("events", box, check=False).err
    assert "--interval: 'soon'" in runtime("events", "--interval", "soon", box, check=False).err


def test_when_a_process_runs_and_reads_disks(runtime: Runtime) -> None:
    process = {
        "scheduler": {"policy": "SCHED_BATCH", "nice": 7},
        "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 6},
    }

    told = runtime.shell("cut -d' ' -f19,41 /proc/self/stat; ionice -p $$", process=process)

    assert told.split("\n") == ["7 3", "best-effort: prio 6"]


def test_what_the_host_does_not_schedule_is_told_by_its_field(runtime: Runtime) -> None:
    scheduler = {"policy": "SCHED_ISO"}
    bundle = runtime.bundle("/bin/true", process={"scheduler": scheduler})

    assert "process.scheduler: invalid argument" in runtime.run(bundle, check=False).err


def test_it_loads_from_where_it_lies_whatever_the_bundle_holds(runtime: Runtime) -> None:
    bundle = runtime.bundle("/bin/true", hooks={"poststop": [{"path": "/bin/true"}]})
    (bundle / "runtime/cli").mkdir(parents=True)
    (bundle / "runtime/cli/late_hooks.py").write_text("raise SystemExit(9)")
    program = os.path.relpath(ROOT / "runtime/moorage-runtime")
    words = ("--root", str(runtime.root), "run", "--bundle", str(bundle), runtime.name())

    subprocess.run([program, *words], stdin=subprocess.DEVNULL, check=True)
