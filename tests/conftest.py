"""What every test level shares: the header, the seed, the counts, the skips and the leak guard."""

from __future__ import annotations

import fnmatch
import gc
import os
import platform
import random
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests import leak_guard

ROOT = Path(__file__).parents[1]
DECLARED_SKIPS = ROOT / "tests" / "declared_skips.txt"
GUARDED = ("kernel", "conformance", "guest")
"""Test levels that touch the machine; each of their tests is watched by the leak guard. The tests
of e2e share platforms whose processes come and go; the guard around the whole run watches those."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("moorage")
    group.addoption("--long", action="store_true", help="full counts instead of sampled ones")
    group.addoption("--seed", type=int, default=None, help="repeat a run with the seed it printed")
    group.addoption(
        "--strict-skips",
        action="store_true",
        default=bool(os.environ.get("CI")),
        help="a skip that tests/declared_skips.txt does not declare fails (on when CI is set)",
    )
    group.addoption(
        "--leak-guard",
        action="store_true",
        default=bool(os.environ.get("CI")),
        help="fail a test that leaves something on the machine (on when CI is set)",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.option.seed is None:
        config.option.seed = random.SystemRandom().randrange(1 << 32)


def pytest_report_header(config: pytest.Config) -> list[str]:
    database = os.environ.get("DATABASE_URL", "sqlite")
    counts = "full" if config.option.long else "sampled"
    guard = "on" if config.option.leak_guard else "off"
    machine = f"kernel {platform.release()}, cgroups {cgroup_mode()}"
    return [
        f"{machine}, python {platform.python_version()}, database {database.split(':')[0]}",
        f"seed {config.option.seed} (--seed), counts {counts} (--long), leak guard {guard}",
    ]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.option.long:
        return
    dropped = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=dropped)
    items[:] = [item for item in items if item not in dropped]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if item.config.option.strict_skips and report.skipped and not hasattr(report, "wasxfail"):
        refuse_undeclared_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if collector.config.option.strict_skips and report.skipped:
        refuse_undeclared_skip(report)
    return report


def refuse_undeclared_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip that no line of the declaration covers into a failure."""
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not is_declared(report.nodeid, reason, DECLARED_SKIPS.read_text()):
        report.outcome = "failed"
        report.longrepr = f"undeclared skip: {report.nodeid}: {reason}"


def is_declared(nodeid: str, reason: str, declaration: str) -> bool:
    """Say whether a line `test pattern | words of the reason` covers this skip."""
    for line in declaration.splitlines():
        pattern, bar, words = line.partition("|")
        if line.startswith("#") or not bar:
            continue
        if fnmatch.fnmatchcase(nodeid, pattern.strip()) and words.strip() in reason:
            return True
    return False


def cgroup_mode() -> str:
    """Return v2, v1, hybrid or none, by what is mounted (cgroups(7))."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    types = {line.split(" - ")[1].split()[0] for line in lines}
    if {"cgroup", "cgroup2"} <= types:
        return "hybrid"
    return "v2" if "cgroup2" in types else "v1" if "cgroup" in types else "none"


class Counts(Protocol):
    """Choose a count: the sampled one, or with --long the full one."""

    def __call__(self, sampled: int, *, full: int) -> int: ...


@pytest.fixture(scope="session")
def counts(request: pytest.FixtureRequest) -> Counts:
    long = bool(request.config.option.long)

    def choose(sampled: int, *, full: int) -> int:
        return full if long else sampled

    return choose


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """Chance that `--seed` repeats, different for each test."""
    return random.Random(f"{request.config.option.seed}:{request.node.nodeid}")


@pytest.fixture(autouse=True)
def nothing_is_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test of a guarded level that leaves a mount, cgroup, process... on the machine."""
    level = request.node.nodeid.removeprefix("tests/").split("/")[0]
    if level not in GUARDED or not request.config.option.leak_guard:
        yield
        return
    before = leak_guard.snapshot(own_descriptors=level == "kernel")
    yield
    gc.collect()
    found = leak_guard.settle(before)
    assert found == [], "left behind:\n" + "\n".join(found)
