"""Samples, what they come to, and the machine they were taken on."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured request: wall clock and CPU time of the whole machine meanwhile, in ms."""

    wall_ms: float
    cpu_ms: float


@dataclass(slots=True)
class Case:
    """One way to start a container. `once` measures it and cleans up, outside of its sample."""

    name: str
    once: Callable[[], Sample]
    samples: list[Sample] = field(default_factory=list)


def measure(act: Callable[[], object]) -> Sample:
    """Measure one call."""
    cpu, began = machine_cpu_ms(), time.perf_counter()
    act()
    return Sample((time.perf_counter() - began) * 1e3, machine_cpu_ms() - cpu)


def machine_cpu_ms() -> float:
    """Return the CPU time used by all processes so far (cgroups v1 cpuacct.usage, v2 cpu.stat).

    Of the whole machine, since daemons, zygotes and shims do a part of the work: on a quiet one
    that is the cost of the request.
    """
    try:
        with open("/sys/fs/cgroup/cpuacct/cpuacct.usage") as file:
            return int(file.read()) / 1e6
    except FileNotFoundError:
        with open("/sys/fs/cgroup/cpu.stat") as file:
            return int(file.readline().split()[1]) / 1e3


def round_robin(cases: list[Case], rounds: int) -> None:
    """Let all cases take turns, so that the machine's mood is the same for each; one warm-up."""
    for number in range(rounds + 1):
        for case in cases:
            sample = case.once()
            if number:
                case.samples.append(sample)


def summary(case: Case) -> dict[str, float]:
    """Return min, p50 and p90 of the wall clock and p50 of the CPU time, in ms."""
    walls = sorted(one.wall_ms for one in case.samples)
    return {
        "min": walls[0],
        "p50": statistics.median(walls),
        "p90": walls[min(len(walls) - 1, int(len(walls) * 0.9))],
        "cpu": statistics.median(one.cpu_ms for one in case.samples),
    }


def table(cases: list[Case], reference: str) -> str:
    """Return the figures as text; the ratio is of the p50 to that of the case `reference`."""
    found = {case.name: summary(case) for case in cases}
    unit = found.get(reference, {}).get("p50")
    lines = [f"{'ms':42}{'min':>8}{'p50':>8}{'p90':>8}{'CPU':>8}{'ratio':>8}"]
    for name, one in found.items():
        ratio = f"{one['p50'] / unit:8.2f}" if unit else f"{'-':>8}"
        numbers = "".join(f"{one[key]:8.1f}" for key in ("min", "p50", "p90", "cpu"))
        lines.append(f"{name:42}{numbers}{ratio}")
    return "\n".join(lines)


def report(cases: list[Case]) -> dict[str, Any]:
    """Return raw samples and a description of the machine, as plain data."""
    return {
        "machine": machine(),
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
        "cases": {case.name: [asdict(sample) for sample in case.samples] for case in cases},
    }


def machine() -> Mapping[str, Any]:
    """Describe the machine, without naming it."""
    with open("/proc/cpuinfo") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return {
        "kernel": platform.release(),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "cpu": models[0] if models else platform.machine(),
        "load": os.getloadavg()[0],
    }
