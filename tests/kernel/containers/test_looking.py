"""What a real container uses and runs is told; what does not run, or ends meanwhile, is refused."""

from __future__ import annotations

import os
import threading
import time

import pytest

from runtime.errors import Conflict
from runtime.spec.limits import Limits
from tests.kernel.containers.conftest import Instance, until

pytestmark = pytest.mark.kernel

MIB = 1 << 20


def test_a_busy_container_uses_time_and_is_held_back(instance: Instance) -> None:
    started = instance.run("while :; do :; done", limits=Limits(pids=9, cpus=0.2))
    first = instance.engine.containers.stats(started.id)
    time.sleep(1)
    second = instance.engine.containers.stats(started.id)

    assert first.cpu is not None
    assert second.cpu is not None
    used = (second.cpu.usage_ns or 0) - (first.cpu.usage_ns or 0)
    share = used / (second.monotonic_ns - first.monotonic_ns)
    assert 0.02 < share < 0.4
    assert (second.cpu.throttled_ns or 0) > (first.cpu.throttled_ns or 0)
    assert first.pids is not None
    assert first.pids.limit == 9


def test_the_network_is_the_containers_own(instance: Instance) -> None:
    started = instance.run("sleep 60")

    network = instance.engine.containers.stats(started.id).network

    assert network is not None
    assert set(network.interfaces) == {"lo"}
    assert network.total.received_bytes == 0


def test_processes_have_the_numbers_and_users_of_inside_and_outside(instance: Instance) -> None:
    started = instance.run("sleep 70 & sleep 60; :", user="bob")
    until(lambda: instance.engine.containers.top(started.id).total == 3)
    until(
        lambda: (
            sorted(one.command for one in instance.engine.containers.top(started.id).processes)[1:]
            == ["sleep 60", "sleep 70"]
        )
    )
    told = instance.engine.containers.top(started.id)
    first = told.processes[0]

    assert (first.pid, first.host_pid, first.parent) == (1, started.pid, 0)
    assert {one.parent for one in told.processes[1:]} == {1}
    assert {one.uid for one in told.processes} == {1000}
    assert {one.host_uid - 1000 for one in told.processes} == {instance.config.id_base}
    assert all(one.host_pid in pids_of_host() for one in told.processes)
    now = time.time_ns()
    assert all(now - 60_000_000_000 < one.started_ns <= now + 10**9 for one in told.processes)
    assert all(one.rss_bytes > 0 for one in told.processes)


def pids_of_host() -> set[int]:
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}


def test_a_hostile_command_line_is_one_short_line(instance: Instance) -> None:
    started = instance.run("exec sh -c 'sleep 60; :' '\x1b[2J\r\n' '\u202e' " + "x" * 100_000)
    until(lambda: instance.engine.containers.top(started.id).total == 2)

    command = instance.engine.containers.top(started.id).processes[0].command

    assert len(command) <= 1024
    assert command.isprintable()
    assert r"\x1b[2J\r\n" in command


def test_looking_at_what_ends_just_now_says_so(instance: Instance) -> None:
    """Whenever it ends: there are figures or a Conflict, and never anybody else's."""
    for _ in range(10):
        started = instance.run("sleep 0.1")
        refused = threading.Event()
        while not refused.is_set():
            try:
                assert instance.engine.containers.stats(started.id).memory is not None
                assert instance.engine.containers.top(started.id).total >= 0
            except Conflict:
                refused.set()
