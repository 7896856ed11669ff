"""Sessions on the kernel: terminals, jobs, back-pressure, and whose death they survive."""

from __future__ import annotations

import os
import re
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from runtime.dialogue import WINDOW, HangUp, Input, Resize
from runtime.errors import Exhausted, InvalidSpec, NotFound
from runtime.shim.sessions import MOST
from runtime.spec.execution import ExecSpec
from runtime.spec.session import SessionSpec
from tests.kernel.containers.conftest import Instance, ended, until
from tests.reader import Reader

pytestmark = pytest.mark.kernel
MIB = 1024 * 1024


def session(
    instance: Instance, container: str, *command: str, operation: str = "s1", **spec: object
) -> Reader:
    process = ExecSpec(command=command, **spec.pop("process", {}))  # type: ignore[arg-type]
    wanted = SessionSpec(process=process, **spec)  # type: ignore[arg-type]
    instance.engine.containers.open_session(container, wanted, operation=operation)
    return Reader(instance.engine.containers.attach(container, operation))


def sleeper(instance: Instance) -> str:
    return instance.run("sleep 1000").id


def finished(instance: Instance, container: str) -> list[tuple[str | None, object]]:
    spooled = (waiting.event for waiting in instance.engine.events.pending())
    return [
        (event.operation, event.result)
        for event in spooled
        if event.record.id == container and event.action == "exec-finished"
    ]


def resident(pid: int, name: str = "VmRSS") -> int:
    """Return how much memory a process has, in bytes."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) * 1024


def test_a_shell_on_a_terminal_has_a_name_a_size_and_an_end(instance: Instance) -> None:
    reader = session(instance, sleeper(instance), "sh", rows=30, columns=90)
    reader.type("tty; stty size; echo $TERM\n")
    reader.until("xterm-256color\r\n")
    assert "/dev/pts/0\n30 90\n" in reader.text()

    reader.say(Resize(rows=41, columns=123))
    reader.type("stty size\n")
    reader.until("41 123")
    reader.type("exit 3\n")
    assert reader.to_exit() == 3
    reader.leave()


def test_jobs_are_stopped_continued_and_interrupted_by_keys(instance: Instance) -> None:
    reader = session(instance, sleeper(instance), "sh")
    reader.type("sleep 500\n")
    time.sleep(0.3)
    reader.type("\x1a")
    reader.until("Stopped")
    reader.forget()
    reader.type("fg\n")
    reader.until("sleep 500")
    time.sleep(0.2)
    reader.type("\x03")
    time.sleep(0.2)
    reader.forget()
    reader.type("echo interrupted: $?\n")
    reader.until("interrupted: 130")
    reader.type("\x04")
    reader.to_exit()
    reader.leave()


def test_pipes_are_closed_by_halves(instance: Instance) -> None:
    reader = session(instance, sleeper(instance), "sh", "-c", "cat; echo over >&2", tty=False)
    reader.type("one\ntwo\n")
    reader.half_close()

    assert reader.to_exit() == 0
    assert (reader.text(1), reader.text(2)) == ("one\ntwo\n", "over\n")
    reader.leave()


def test_user_directory_and_environment_are_those_asked_for(instance: Instance) -> None:
    process = {"user": "bob", "working_dir": "/tmp", "env": {"A": "b", "TERM": "dumb"}}
    script = "id -u; echo $PWD $A $TERM"
    reader = session(instance, sleeper(instance), "sh", "-c", script, process=process)

    assert reader.to_exit() == 0
    assert reader.text() == "1000\n/tmp b dumb\n"
    reader.leave()


@pytest.mark.parametrize("tty", [True, False], ids=["terminal", "pipes"])
def test_a_program_that_cannot_run_is_refused_again_and_again(
    instance: Instance, tty: bool
) -> None:
    container = sleeper(instance)
    for _ in range(2):
        with pytest.raises(InvalidSpec, match="command"):
            session(instance, container, "/nope", tty=tty)
    with pytest.raises(InvalidSpec, match="user"):
        session(instance, container, "sh", operation="s2", tty=tty, process={"user": "nobody"})


def test_much_output_goes_through_without_growth(instance: Instance) -> None:
    container = sleeper(instance)
    shim = instance.shim(container)
    before = resident(shim)
    reader = session(instance, container, "dd", "if=/dev/zero", "bs=65536", "count=1600", tty=False)
    total = 0
    while reader.exit is None:
        assert reader.listen()
        total += len(reader.shown[1])
        reader.shown[1] = b""

    assert total == 100 * MIB
    assert resident(shim, "VmHWM") - before < 8 * MIB
    reader.leave()


def test_much_input_goes_through_without_growth(instance: Instance) -> None:
    container = sleeper(instance)
    shim = instance.shim(container)
    before = resident(shim)
    reader = session(instance, container, "wc", "-c", tty=False)
    piece, sent = bytes(32 * 1024), 0
    while sent < 50 * MIB:
        while sent + len(piece) - reader.taken > 64 * 1024:
            assert reader.listen()
        reader.say(Input(piece))
        sent += len(piece)
    reader.half_close()

    assert reader.to_exit() == 0
    assert reader.text().strip() == str(50 * MIB)
    assert resident(shim, "VmHWM") - before < 8 * MIB
    reader.leave()


@pytest.mark.parametrize("tty", [True, False], ids=["terminal", "pipes"])
def test_a_reader_that_does_not_read_stops_its_program_and_not_the_shim(
    instance: Instance, tty: bool
) -> None:
    container = sleeper(instance)
    slow = session(instance, container, "seq", "1", "100000000", tty=tty)
    while slow.offset < WINDOW:
        assert slow.listen(acknowledge=False)
    slow.connection.settimeout(0.5)
    with pytest.raises(TimeoutError):
        slow.listen(acknowledge=False)

    began = time.monotonic()
    quick = session(instance, container, "echo", "quick", operation="s2")
    assert quick.to_exit() == 0
    instance.engine.containers.pause(container)
    instance.engine.containers.resume(container)
    assert time.monotonic() - began < 5
    used = cpu_seconds(instance.shim(container))
    time.sleep(1)
    assert cpu_seconds(instance.shim(container)) - used < 0.1

    for reader in (slow, quick):
        reader.leave()


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_key_interrupts_a_program_whose_output_nobody_reads(instance: Instance) -> None:
    reader = session(instance, sleeper(instance), "seq", "1", "100000000")
    while reader.offset < WINDOW:
        assert reader.listen(acknowledge=False)
    reader.type("\x03")

    assert reader.to_exit() == 130
    reader.leave()


def test_a_reader_that_comes_back_misses_and_repeats_nothing(instance: Instance) -> None:
    container = sleeper(instance)
    reader = session(instance, container, "seq", "1", "200000", tty=False)
    text = b""
    while True:
        for _ in range(4):
            if reader.exit is None:
                reader.listen()
        text += reader.shown[1]
        reader.leave()
        if reader.exit is not None:
            break
        reader = Reader(instance.engine.containers.attach(container, "s1", offset=reader.offset))

    assert text == "".join(f"{n}\n" for n in range(1, 200_001)).encode()


def test_hanging_up_ends_what_heeds_it(instance: Instance) -> None:
    container = sleeper(instance)
    reader = session(instance, container, "sh", "-c", "sleep 500 & sleep 500; echo no")
    time.sleep(0.3)
    reader.say(HangUp())

    assert reader.to_exit() == 129
    until(lambda: finished(instance, container) == [("s1", {"exit_code": 129})])
    reader.leave()


def test_the_death_of_the_zygote_harms_no_session(instance: Instance) -> None:
    container = sleeper(instance)
    reader = session(instance, container, "cat", tty=False)
    zygote = instance.zygote
    os.kill(zygote, signal.SIGKILL)
    until(lambda: ended(zygote))
    instance.reopen()
    reader.type("still here\n")
    reader.until("still here\n")
    reader.half_close()

    assert reader.to_exit() == 0
    reader.leave()


def test_a_session_ends_with_its_shim_and_is_told_of_as_interrupted(instance: Instance) -> None:
    container = sleeper(instance)
    alone = processes(instance, container)
    reader = session(instance, container, "sh")
    reader.type("echo $$ here\n")
    reader.until("here")
    os.kill(instance.shim(container), signal.SIGKILL)
    with suppress(ConnectionResetError):  # what it had not read yet is gone
        while reader.hear() is not None:
            continue

    until(lambda: finished(instance, container) == [("s1", None)])
    with pytest.raises(NotFound, match="session"):
        instance.engine.containers.attach(container, "s1")
    until(lambda: processes(instance, container) == alone)
    reader.leave()


def processes(instance: Instance, container: str) -> set[str]:
    """Return the processes inside, by their ids there."""
    first = instance.engine.containers.inspect(container).pid
    root = Path(f"/proc/{first}/root")
    return {name for name in os.listdir(root / "proc") if name.isdigit()}


def test_there_are_only_so_many_sessions(instance: Instance) -> None:
    container = sleeper(instance)
    readers = [
        session(instance, container, "cat", operation=f"s{n}", tty=False) for n in range(MOST)
    ]
    with pytest.raises(Exhausted, match="sessions"):
        session(instance, container, "cat", operation="more")
    readers[0].half_close()
    assert readers[0].to_exit() == 0
    session(instance, container, "cat", operation="after").leave()
    for reader in readers:
        reader.leave()


def test_a_restart_ends_sessions_and_leaves_nothing(instance: Instance) -> None:
    container = sleeper(instance)
    shim = instance.shim(container)
    readers = [session(instance, container, "sh", operation=f"s{n}") for n in range(3)]
    instance.engine.containers.restart(container, timeout_seconds=0, operation="again")
    for reader in readers:
        assert reader.to_exit() == 137
        reader.leave()
    until(lambda: instance.engine.containers.inspect(container).state == "running")

    links = [os.readlink(f"/proc/{shim}/fd/{fd}") for fd in os.listdir(f"/proc/{shim}/fd")]
    assert not [link for link in links if "ptmx" in link or "pts" in link]
    fresh = session(instance, container, "tty", operation="fresh")
    assert fresh.to_exit() == 0
    fresh.leave()
