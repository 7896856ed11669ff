"""A sample tells what the kernel counts, on whatever hierarchies this host has."""

from __future__ import annotations

import os
import time

import pytest

from runtime.cgroups import stats
from runtime.errors import KernelRefused
from runtime.oci.bundle import Resources
from runtime.usage import Pids
from tests.kernel.lab import Box, Lab, until

pytestmark = pytest.mark.kernel

MEBIBYTE = 1024 * 1024


def pids(box: Box) -> Pids | None:
    return stats.sample(box.cgroup).pids


def test_it_tells_memory_processes_and_throttling(lab: Lab) -> None:
    limits = Resources(pids=7, memory_bytes=64 * MEBIBYTE, cpus=0.1)
    script = "sleep 60 & while :; do :; done"
    with lab.box("/bin/sh", "-c", script, resources=limits) as box:
        until(lambda: pids(box) == Pids(current=2, limit=7))
        time.sleep(0.5)
        sample = stats.sample(box.cgroup)

    memory, cpu = sample.memory, sample.cpu
    assert memory is not None
    assert 0 < (memory.working_set_bytes or 0) <= (memory.usage_bytes or 0) < 64 * MEBIBYTE
    assert (memory.limit_bytes, memory.oom_kills) == (64 * MEBIBYTE, 0)
    assert memory.kernel_bytes is not None
    assert cpu is not None
    assert (cpu.usage_ns or 0) > 10_000_000
    assert (cpu.periods or 0) >= (cpu.throttled_periods or 0) > 0
    assert (cpu.throttled_ns or 0) > 0
    assert cpu.online == os.cpu_count()


def test_a_controller_without_a_limit_says_so(lab: Lab) -> None:
    with lab.box("/bin/sleep", "60", resources=Resources()) as box:
        sample = stats.sample(box.cgroup)

    assert sample.memory is not None
    assert sample.memory.limit_bytes is None
    assert sample.pids == Pids(current=1, limit=None)


def test_a_group_that_is_gone_has_no_sample(lab: Lab) -> None:
    with lab.box("/bin/sleep", "60") as box:
        pass
    with pytest.raises(KernelRefused):
        stats.sample(box.cgroup)
