"""The terminal of a process that joins a container."""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from runtime.errors import InvalidSpec
from runtime.isolation import launch, terminal
from runtime.isolation.launch import Launched
from runtime.isolation.plan import JoinSpec
from runtime.isolation.terminal import Terminal
from tests.kernel.lab import ID_BASE, Box, Lab
from tests.kernel.runtimes import end

pytestmark = pytest.mark.kernel


class Joined:
    """A process with a terminal, and its master."""

    def __init__(self, launched: Launched, master: int) -> None:
        self.launched = launched
        self.master = master

    def read_until(self, wanted: str, seconds: float = 10.0) -> str:
        """Return what is shown up to `wanted`."""
        shown, deadline = b"", time.monotonic() + seconds
        while wanted.encode() not in shown:
            assert time.monotonic() < deadline, shown
            if select.select([self.master], [], [], 0.1)[0]:
                shown += os.read(self.master, 4096)
        return shown.decode().replace("\r\n", "\n")

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def wait(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.launched.pid, 0)[1])


@contextmanager
def joined(
    box: Box, *args: str, rows: int = 24, columns: int = 80, **more: Any
) -> Iterator[Joined]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    nothing = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    with ours:
        try:
            process = launch.join(
                box.launched.pidfd,
                JoinSpec(args=args, id_base=ID_BASE, **more),
                stdio=(nothing, nothing, nothing),
                cgroup=box.cgroup,
                terminal=Terminal(rows=rows, columns=columns, receiver=theirs.fileno()),
            )
            master = terminal.receive(ours)
        finally:
            theirs.close()
            os.close(nothing)
    try:
        yield Joined(process, master)
    finally:
        os.close(master)
        end(process.pid)  # the container's first process waits for it to be reaped
        os.close(process.pidfd)


def test_it_is_one_of_the_container_s_own_with_the_size_asked_for(lab: Lab) -> None:
    script = "tty; stty size; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all of them"
    with (
        lab.box("/bin/sleep", "60") as box,
        joined(box, "/bin/sh", "-c", script, rows=33, columns=101) as process,
    ):
        assert process.read_until("them\r\n") == "/dev/pts/0\n33 101\nall of them\n"
        assert process.wait() == 0


def test_it_belongs_to_the_user_who_can_open_it_anew(lab: Lab) -> None:
    script = "id -un; stat -c '%U %g %a' $(tty); echo again > /dev/tty; echo more > $(tty)"
    with (
        lab.box("/bin/sleep", "60") as box,
        joined(box, "/bin/sh", "-c", script, user="alice") as process,
    ):
        assert process.read_until("more").split("\n")[:3] == ["alice", "alice 5 620", "again"]
        assert process.wait() == 0


def test_it_controls_a_session_whose_leader_is_the_process(lab: Lab) -> None:
    script = "echo $$ $(cut -d' ' -f6,8 /proc/$$/stat); sleep 60"
    with (
        lab.box("/bin/sleep", "60") as box,
        joined(box, "/bin/sh", "-c", script) as process,
    ):
        pid, session, foreground = process.read_until("\n").split()
        assert pid == session == foreground

        process.type("\x03")
        assert process.wait() == -2


def test_its_privileges_are_those_of_a_process_without_one(lab: Lab) -> None:
    words = ("/bin/grep", "-E", "Cap|NoNew|Seccomp:|^[UG]id", "/proc/self/status")
    with lab.box("/bin/sleep", "60") as box:
        for user in ("", "alice"):
            _, plain = box.join(*words, user=user)
            with joined(box, *words, user=user) as process:
                assert process.read_until("Seccomp:\t2\r\n") == plain
                assert process.wait() == 0


def test_no_descriptor_but_the_three_streams_comes_along(lab: Lab) -> None:
    script = "echo /proc/self/fd/*; echo end"
    with (
        lab.box("/bin/sleep", "60") as box,
        joined(box, "/bin/sh", "-c", script) as process,
    ):
        shown = process.read_until("end").split()
        # The last one is the directory that the shell looks into.
        assert [path.rpartition("/")[2] for path in shown] == ["0", "1", "2", "3", "end"]
        assert process.wait() == 0


def test_a_new_size_is_told_to_the_foreground(lab: Lab) -> None:
    script = "trap 'stty size; exit 5' WINCH; echo ready; while :; do sleep 0.1; done"
    with (
        lab.box("/bin/sleep", "60") as box,
        joined(box, "/bin/sh", "-c", script) as process,
    ):
        process.read_until("ready")
        terminal.resize(process.master, rows=50, columns=132)
        process.read_until("50 132")
        assert process.wait() == 5


def test_a_program_that_is_not_there_leaves_no_terminal(lab: Lab) -> None:
    with lab.box("/bin/sleep", "60") as box:
        with pytest.raises(InvalidSpec, match="command"), joined(box, "/nope"):
            raise AssertionError("it started")
        with joined(box, "/bin/tty") as process:
            assert process.read_until("\n") == "/dev/pts/0\n"
            assert process.wait() == 0
