"""Further processes in a running container."""

from __future__ import annotations

import os
import time

import pytest

from runtime.errors import Exhausted, InvalidSpec, KernelRefused
from runtime.oci.bundle import Resources
from tests.kernel.lab import Lab, until

pytestmark = pytest.mark.kernel


def test_it_joins_every_namespace_of_the_container(lab: Lab) -> None:
    script = "for ns in /proc/self/ns/*; do readlink $ns; done"
    with lab.box("/bin/sh", "-c", f"{script}; exec sleep 60") as box:
        code, text = box.join("/bin/sh", "-c", script)
        inside = os.read(box.output, 65_536).decode()

    assert code == 0
    assert sorted(text.split()) == sorted(inside.split())


def test_it_has_the_privileges_of_the_container_and_no_more(lab: Lab) -> None:
    with lab.box("/bin/sleep", "60") as box:
        _, text = box.join("/bin/grep", "-E", "Cap|NoNew|Seccomp:", "/proc/self/status")
        _, first = box.join("/bin/grep", "-E", "Cap|NoNew|Seccomp:", "/proc/1/status")

    assert text == first
    assert "Seccomp:\t2" in text


def test_it_is_in_the_cgroup_of_the_container(lab: Lab) -> None:
    with lab.box("/bin/sleep", "60") as box:
        box.join("/bin/sh", "-c", "sleep 60 > /dev/null 2>&1 &")
        until(lambda: len(box.cgroup.pids()) == 2)


def test_user_directory_and_environment_are_its_own(lab: Lab) -> None:
    with lab.box("/bin/sleep", "60") as box:
        _, text = box.join(
            "/bin/sh", "-c", "id -un; pwd; echo $A", user="alice", cwd="/tmp", env=(("A", "b"),)
        )

    assert text == "alice\n/tmp\nb\n"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"args": ("nope",)}, "command"),
        ({"args": ("/etc/passwd",)}, "command"),
        ({"args": ("/proc/1/exe",)}, "command"),
        ({"args": ("/bin/true",), "user": "bob"}, "user"),
        ({"args": ("/bin/true",), "cwd": "/nope"}, "working_dir"),
        ({"args": ("/bin/true",), "cwd": "/proc/self/fd/3"}, "working_dir"),
    ],
)
def test_what_cannot_be_run_names_the_field_and_leaves_no_process(
    lab: Lab, options: dict[str, object], field: str
) -> None:
    args = options.pop("args")
    assert isinstance(args, tuple)
    with lab.box("/bin/sleep", "60") as box:
        for _ in range(3):
            with pytest.raises(InvalidSpec) as caught:
                box.join(*args, **options)
            assert caught.value.field == field
        assert len(box.cgroup.pids()) == 1
        assert os.waitpid(-1, os.WNOHANG) == (0, 0)  # the container itself is the only child


def test_only_stdio_is_open_in_it(lab: Lab) -> None:
    with lab.box("/bin/sleep", "60") as box:
        _, text = box.join("/bin/sh", "-c", "for f in /proc/self/fd/*; do echo $f; done")

    assert text.split() == [f"/proc/self/fd/{number}" for number in range(4)]


def test_a_container_whose_processes_are_used_up_says_so(lab: Lab) -> None:
    full = Resources(pids=1)
    with (
        lab.box("/bin/sleep", "60", resources=full) as box,
        pytest.raises(Exhausted, match="pids"),
    ):
        box.join("/bin/true")


def test_a_container_that_has_ended_cannot_be_joined(lab: Lab) -> None:
    with lab.box("/bin/true") as box:
        box.wait()
        with pytest.raises(KernelRefused):
            box.join("/bin/true")


def test_a_spy_inside_learns_nothing_of_the_engine(lab: Lab) -> None:
    """Root inside reads what it can of every process that enters, as fast as it can."""
    look = (
        "readlink $p/exe $p/cwd $p/root; cat $p/maps | grep python;"
        " cat $p/environ | grep -a -i -E 'python|moorage'; ls -l $p/fd | grep -v pipe"
    )
    others = "[ $p = /proc/1 ] || [ $p = /proc/$$ ]"
    spy = (
        f"while [ ! -e /stop ]; do for p in /proc/[0-9]*; do {others} || {{ {look}; }}; done; done"
    )
    with lab.box("/bin/sh", "-c", f"{{ {spy}; }} 2>/dev/null") as box:
        began = time.monotonic()
        while time.monotonic() - began < 2:
            assert box.join("/bin/true")[0] == 0
        box.join("/bin/touch", "/stop")
        text = box.read()

    assert "python" not in text
    assert os.getcwd() not in text
