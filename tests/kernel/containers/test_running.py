"""A container from create to delete, on a real kernel."""

from __future__ import annotations

import base64
import os
import threading
import time

import pytest

from runtime.errors import Conflict, InvalidSpec, NotFound, Unavailable
from runtime.events import LogQuery
from runtime.spec.execution import ExecSpec
from runtime.spec.limits import Limits
from tests.kernel.containers.conftest import Instance, shell, until


def actions(instance: Instance, container: str) -> list[str]:
    events = (spooled.event for spooled in instance.engine.events.pending())
    return [event.action for event in events if event.record.id == container]


def test_hello_ends_exited_with_its_lines_in_the_log(instance: Instance) -> None:
    made = instance.run("echo hello; id -u; hostname; echo oops >&2; exit 3")
    ended = instance.engine.containers.wait(made.id, timeout_seconds=20)

    assert (ended.state, ended.exit_code, ended.pid, ended.oom_killed) == ("exited", 3, None, False)
    assert set(instance.output(made.id).split()) == {b"hello", b"0", made.id[:12].encode(), b"oops"}
    streams = {frame.stream for frame in instance.engine.containers.logs(made.id)}
    assert streams == {"stdout", "stderr"}
    assert actions(instance, made.id) == ["created", "started", "exited"]


def test_what_a_container_makes_can_be_read_by_its_other_users(instance: Instance) -> None:
    made = instance.run("umask; mkdir /made; stat -c %a /made .; sleep 100", working_dir="/new")
    until(lambda: instance.output(made.id).count(b"\n") == 3)
    instance.engine.containers.execute(
        made.id, ExecSpec(command=("sh", "-c", "umask > /proc/1/fd/1")), operation="cd" * 16
    )
    until(lambda: instance.output(made.id).count(b"\n") == 4)

    assert instance.output(made.id).split() == [b"0022", b"755", b"755", b"0022"]


def test_a_repeated_create_and_start_change_nothing(instance: Instance) -> None:
    spec = shell("sleep 60")
    made = instance.engine.containers.create(spec, container="ab" * 16)
    again = instance.engine.containers.create(spec, container="ab" * 16)
    first = instance.engine.containers.start(made.id)
    second = instance.engine.containers.start(made.id)

    assert made == again
    assert first == second
    assert actions(instance, made.id) == ["created", "started"]


def test_a_command_that_is_not_there_is_refused_and_the_container_stays_created(
    instance: Instance,
) -> None:
    spec = shell("true")
    made = instance.engine.containers.create(
        type(spec)(image="busybox", command=("/no/such/program",))
    )

    with pytest.raises(InvalidSpec, match="command"):
        instance.engine.containers.start(made.id)

    assert instance.engine.containers.inspect(made.id) == made
    assert instance.engine.containers.recover() == ()


def test_an_unknown_image_is_not_found(instance: Instance) -> None:
    spec = shell("true")
    with pytest.raises(NotFound, match="image"):
        instance.engine.containers.create(type(spec)(image="nonesuch"))
    assert instance.engine.containers.list() == []


def test_stop_gives_the_grace_and_then_kills(instance: Instance) -> None:
    made = instance.run("trap '' TERM; echo ready; while :; do sleep 1; done")
    until(lambda: instance.output(made.id) == b"ready\n")
    began = time.monotonic()
    returned = instance.engine.containers.stop(made.id, timeout_seconds=0.5, operation="op1")
    handed_over = time.monotonic() - began
    ended = instance.engine.containers.wait(made.id, timeout_seconds=20)

    assert returned.state == "running"
    assert handed_over < 0.4
    assert ended.exit_code == 137
    last = [spooled.event for spooled in instance.engine.events.pending()][-1]
    assert (last.action, last.operation) == ("exited", "op1")


def test_stop_ends_a_container_that_listens_at_once(instance: Instance) -> None:
    made = instance.run("trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done")
    until(lambda: instance.output(made.id) == b"ready\n")
    instance.engine.containers.stop(made.id)

    assert instance.engine.containers.wait(made.id, timeout_seconds=5).exit_code == 5


def test_a_stopped_container_starts_again_and_goes_on_with_its_log(instance: Instance) -> None:
    made = instance.run("echo run")
    instance.engine.containers.wait(made.id, timeout_seconds=20)
    instance.engine.containers.start(made.id)
    instance.engine.containers.wait(made.id, timeout_seconds=20)

    assert instance.output(made.id) == b"run\nrun\n"


def test_kill_signals_once_for_each_operation(instance: Instance) -> None:
    made = instance.run("trap 'echo got' USR1; echo ready; while :; do sleep 0.05; done")
    until(lambda: instance.output(made.id) == b"ready\n")
    for _ in range(3):
        instance.engine.containers.kill(made.id, signal="USR1", operation="op1")
        until(lambda: b"got" in instance.output(made.id))
    instance.engine.containers.kill(made.id, signal="USR1", operation="op2")
    until(lambda: instance.output(made.id).count(b"got") >= 2)
    time.sleep(0.2)

    assert instance.output(made.id).count(b"got") == 2
    mark = instance.engine.containers.once(made.id, "op1")
    assert mark is not None
    assert mark.state == "done"


def test_kill_of_what_does_not_run_is_a_conflict(instance: Instance) -> None:
    made = instance.engine.containers.create(shell("true"))
    with pytest.raises(Conflict, match="created"):
        instance.engine.containers.kill(made.id)


def test_exec_captures_both_streams_and_the_code(instance: Instance) -> None:
    made = instance.run("sleep 60")
    script = "echo out; echo err >&2; id -u; exit 7"
    for _ in range(2):
        instance.engine.containers.execute(
            made.id, ExecSpec(command=("sh", "-c", script), user="bob"), operation="op1"
        )
    until(lambda: "exec-finished" in actions(instance, made.id))

    ends = [
        spooled.event
        for spooled in instance.engine.events.pending()
        if spooled.event.action == "exec-finished"
    ]
    assert len(ends) == 1
    assert ends[0].operation == "op1"
    assert ends[0].result == {
        "exit_code": 7,
        "stdout": "out\n1000\n",
        "stdout_base64": False,
        "stderr": "err\n",
        "stderr_base64": False,
        "truncated": False,
    }
    mark = instance.engine.containers.once(made.id, "op1")
    assert mark is not None
    assert mark.result == ends[0].result


def test_exec_keeps_the_first_mebibyte(instance: Instance) -> None:
    made = instance.run("sleep 60")
    command = ("dd", "if=/dev/zero", "bs=65536", "count=40")
    instance.engine.containers.execute(made.id, ExecSpec(command=command), operation="op1")
    until(lambda: "exec-finished" in actions(instance, made.id))

    mark = instance.engine.containers.once(made.id, "op1")
    assert mark is not None
    assert mark.result is not None
    assert mark.result["truncated"]
    assert mark.result["stdout_base64"]
    assert base64.b64decode(mark.result["stdout"]) == bytes(1 << 20)
    assert mark.result["exit_code"] == 0


def test_exec_of_what_is_not_there_is_refused_again_and_again(instance: Instance) -> None:
    made = instance.run("sleep 60")
    for _ in range(2):
        with pytest.raises(InvalidSpec, match="command"):
            instance.engine.containers.execute(
                made.id, ExecSpec(command=("/nonesuch",)), operation="op1"
            )


def test_delete_needs_force_for_what_runs_and_leaves_nothing(instance: Instance) -> None:
    made = instance.run("mkdir -p /a/b/c; sleep 60")
    with pytest.raises(Conflict, match="running"):
        instance.engine.containers.delete(made.id)
    instance.engine.containers.delete(made.id, force=True)

    with pytest.raises(NotFound):
        instance.engine.containers.inspect(made.id)
    assert actions(instance, made.id)[-2:] == ["exited", "deleted"]
    assert os.listdir(instance.config.containers) == []
    assert os.listdir(instance.site.trash) == []
    assert os.listdir(f"{instance.config.run}/c") == []


def test_a_memory_hog_is_oom_killed(instance: Instance) -> None:
    made = instance.run(
        "x=$(dd if=/dev/zero bs=1M count=300 | tr '\\0' x)",
        limits=Limits(memory_bytes=32 << 20, pids=64),
    )
    ended = instance.engine.containers.wait(made.id, timeout_seconds=60)

    assert ended.oom_killed
    assert ended.exit_code != 0


def test_wait_gives_up_in_time(instance: Instance) -> None:
    made = instance.run("sleep 60")
    with pytest.raises(Unavailable):
        instance.engine.containers.wait(made.id, timeout_seconds=0.1)


def test_following_ends_with_the_container(instance: Instance) -> None:
    made = instance.run("for n in 1 2 3; do echo $n; sleep 0.1; done")
    frames = list(instance.engine.containers.logs(made.id, follow=True))

    assert b"".join(frame.data for frame in frames) == b"1\n2\n3\n"


def test_following_ends_when_told(instance: Instance) -> None:
    made = instance.run("echo one; sleep 60")
    told = threading.Event()
    frames = instance.engine.containers.logs(made.id, follow=True, stop=told.is_set)

    assert next(frames).data == b"one\n"
    told.set()
    assert list(frames) == []


def test_a_line_reaches_a_follower_quickly(instance: Instance) -> None:
    made = instance.run("while :; do echo tick; sleep 0.05; done")
    frames = instance.engine.containers.logs(made.id, follow=True)
    delays = [time.time_ns() - next(frames).time_ns for _ in range(30)]
    frames.close()  # type: ignore[attr-defined]

    assert sorted(delays)[15] < 50_000_000


def test_the_last_lines_are_found(instance: Instance) -> None:
    made = instance.run("seq 1 5000")
    instance.engine.containers.wait(made.id, timeout_seconds=20)
    frames = instance.engine.containers.logs(made.id, since=LogQuery(tail=2))

    assert b"".join(frame.data for frame in frames) == b"4999\n5000\n"


def test_restart_on_failure_backs_off_and_gives_up(instance: Instance) -> None:
    made = instance.run("echo try; exit 9", restart="on-failure", restart_retries=2)
    ended = instance.engine.containers.wait(made.id, timeout_seconds=20)

    assert (ended.exit_code, ended.restart_count, ended.restarting) == (9, 2, False)
    assert instance.output(made.id) == b"try\n" * 3
    assert actions(instance, made.id) == [
        "created",
        *["started", "restarting"] * 2,
        "started",
        "exited",
    ]


def test_stop_ends_the_restarting(instance: Instance) -> None:
    made = instance.run("exit 1", restart="always")
    until(lambda: instance.engine.containers.inspect(made.id).restart_count >= 2)
    instance.engine.containers.stop(made.id, operation="op1")
    ended = instance.engine.containers.wait(made.id, timeout_seconds=20)
    time.sleep(0.3)

    assert ended.state == "exited"
    assert instance.engine.containers.inspect(made.id) == ended


def test_a_container_that_floods_its_log_is_bounded(instance: Instance) -> None:
    limits = Limits(log_bytes=65_536, log_files=2, pids=64)
    made = instance.run("seq 1 200000", limits=limits)
    instance.engine.containers.wait(made.id, timeout_seconds=60)
    frames = list(instance.engine.containers.logs(made.id))
    logs = f"{instance.config.container_data(made.id)}/logs"

    assert sum(entry.stat().st_size for entry in os.scandir(logs)) < 400_000
    assert frames[-1].data.endswith(b"\n200000\n")
    assert frames[0].gap + sum(len(frame.data) for frame in frames) == frames[-1].offset
    assert frames[-1].offset == sum(len(str(n)) + 1 for n in range(1, 200_001))


def test_the_directories_are_closed_to_others(instance: Instance) -> None:
    made = instance.engine.containers.create(shell("true"))
    directory = instance.config.container_data(made.id)

    assert os.stat(directory).st_mode & 0o777 == 0o700
    assert os.stat(f"{directory}/upper").st_mode & 0o777 == 0o755
    for path in (instance.config.data, instance.config.run):
        assert os.stat(path).st_mode & 0o777 == 0o700


def test_a_limit_that_the_node_cannot_give_is_lowered_and_told_in_the_log(
    instance: Instance,
) -> None:
    endless = [{"name": "nofile", "soft": 64, "hard": -1}]
    limits = Limits.from_json({"pids": 64, "ulimits": endless})
    made = instance.run("ulimit -Sn; ulimit -Hn", limits=limits)
    instance.engine.containers.wait(made.id, timeout_seconds=20)

    lines = instance.output(made.id).decode().splitlines()
    soft, hard = (line for line in lines if line.isdecimal())
    assert soft == "64"
    assert [line for line in lines if not line.isdecimal()] == [
        f"moorage: limits.ulimits: nofile: this node gives {hard} at most, no limit was asked for"
    ]
