"""A first process that reaps and passes signals on, before the command."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from runtime.errors import InvalidSpec
from runtime.isolation import capabilities
from runtime.kernel import process
from tests.kernel.lab import ID_BASE, Box, Lab, until

pytestmark = pytest.mark.kernel

KILL = 1 << capabilities.NUMBERS["CAP_KILL"]
TRAPPING = "trap 'echo got {name}; exit 5' {name}; echo ready; while :; do sleep 0.05; done"


def heard(box: Box, word: str) -> str:
    """Read on until the container has said `word`."""
    told = ""
    while word not in told:
        piece = os.read(box.output, 4096).decode()
        assert piece, told
        told += piece
    return told


def test_the_command_is_the_second_process_and_leads_its_group(lab: Lab) -> None:
    text = lab.shell("echo $$; cut -d' ' -f5 /proc/self/stat; cat /proc/1/comm", reaper=True)

    # The shell forks for cat and cut, which stay in its group.
    assert text.split() == ["2", "2", "init"]


@pytest.mark.parametrize(("script", "code"), [("exit 7", 7), ("kill -9 $$", 137), ("true", 0)])
def test_the_code_is_the_command_s(lab: Lab, script: str, code: int) -> None:
    assert lab.run("/bin/sh", "-c", script, reaper=True)[0] == code


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "USR1", "WINCH", "RTMIN"])
def test_signals_are_passed_on(lab: Lab, name: str) -> None:
    number = signal.SIGRTMIN if name == "RTMIN" else signal.Signals[f"SIG{name}"]
    with lab.box("/bin/sh", "-c", TRAPPING.format(name=int(number)), reaper=True) as box:
        heard(box, "ready")
        process.pidfd_send_signal(box.launched.pidfd, number)

        assert box.read() == f"got {int(number)}\n"
        assert box.wait() == 5


def test_a_command_without_handlers_ends_by_a_signal_as_no_first_process_does(lab: Lab) -> None:
    with lab.box("/bin/sleep", "60", reaper=True) as box:
        process.pidfd_send_signal(box.launched.pidfd, signal.SIGTERM)

        assert box.wait() == 128 + signal.SIGTERM


def test_a_command_that_was_stopped_goes_on(lab: Lab) -> None:
    script = "echo ready; kill -STOP $$; echo back; exit 4"
    with lab.box("/bin/sh", "-c", script, reaper=True) as box:
        heard(box, "ready")
        time.sleep(0.1)
        process.pidfd_send_signal(box.launched.pidfd, signal.SIGCONT)

        assert box.read().endswith("back\n")
        assert box.wait() == 4


def test_orphans_are_reaped(lab: Lab) -> None:
    script = (
        "i=0; while [ $i -lt 20 ]; do (sleep 0.02 &); i=$((i+1)); done; sleep 0.5;"
        " cat /proc/[0-9]*/stat | grep -c ') Z '"
    )

    assert lab.shell(script, reaper=True) == "0"


def test_what_is_left_ends_with_the_command(lab: Lab) -> None:
    with lab.box("/bin/sh", "-c", "sleep 60 & sleep 60 & exit 3", reaper=True) as box:
        assert box.wait() == 3
        until(lambda: box.cgroup.pids() == [])


def test_it_has_no_more_powers_than_it_needs(lab: Lab) -> None:
    fields = "Uid|CapEff|CapBnd|NoNewPrivs|Seccomp:|SigBlk"
    script = f"grep -E '{fields}' /proc/1/status; grep -E '{fields}' /proc/self/status"
    lines = [line.split() for line in lab.shell(script, reaper=True).splitlines()]
    first, own = ({words[0]: words[1] for words in lines[at : at + 6]} for at in (0, 6))

    assert int(first["CapEff:"], 16) == int(first["CapBnd:"], 16) == KILL
    assert (first["NoNewPrivs:"], first["Seccomp:"], first["Uid:"]) == ("1", "2", "0")
    assert own["CapEff:"] == "00000000a00405fb"
    assert own["SigBlk:"] == "0" * 16


def test_nothing_inside_can_look_into_it(lab: Lab) -> None:
    places = ("exe", "cwd", "root", "fd", "maps", "mem", "environ", "auxv")
    tries = [
        f"(cat /proc/1/{one} || ls /proc/1/{one}/) >/dev/null 2>&1 && echo {one}" for one in places
    ]
    script = "; ".join(tries)

    assert lab.shell(script, reaper=True) == ""
    assert lab.shell("tr -d '\\0' < /proc/1/cmdline", reaper=True) == "init"


def test_its_user_is_the_command_s(lab: Lab) -> None:
    with lab.box("/bin/sleep", "60", reaper=True, user="alice") as box:
        status = Path(f"/proc/{box.launched.pid}/status").read_text()

    assert f"Uid:\t{ID_BASE + 1000}\t" in status


def test_a_command_that_there_is_not_is_refused_as_ever(lab: Lab) -> None:
    with pytest.raises(InvalidSpec) as refused:
        lab.run("/nonesuch", reaper=True)

    assert refused.value.field == "command"


def test_further_processes_join_it(lab: Lab) -> None:
    with lab.box("/bin/sleep", "60", reaper=True) as box:
        assert box.join("/bin/sh", "-c", "cat /proc/2/comm; exit 6") == (6, "sleep\n")
