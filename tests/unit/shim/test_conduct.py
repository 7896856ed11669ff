"""Restart policies and their pauses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runtime.oci.bundle import Bundle
from runtime.shim.conduct import Conduct, pause_seconds, restarts

BUNDLE = Bundle(
    id="c",
    args=("a",),
    env=(),
    cwd="/",
    user="",
    hostname="h",
    lower=("/l",),
    state_dir="/d",
    id_base=0,
    cgroup="g",
)
CONDUCT = Conduct(
    bundle=BUNDLE,
    stop_signal=15,
    stop_timeout_seconds=10,
    restart="no",
    restart_retries=0,
    log_bytes=1,
    log_files=1,
)


@pytest.mark.parametrize(
    ("policy", "code", "again"),
    [
        ("no", 1, False),
        ("always", 0, True),
        ("unless-stopped", 0, True),
        ("on-failure", 0, False),
        ("on-failure", 1, True),
        ("on-failure", None, True),
    ],
)
def test_a_policy_decides_by_the_exit_code(policy: str, code: int | None, again: bool) -> None:
    conduct = replace(CONDUCT, restart=policy)

    assert restarts(conduct, exit_code=code, count=100) is again


def test_on_failure_counts_its_retries() -> None:
    conduct = replace(CONDUCT, restart="on-failure", restart_retries=2)

    assert [restarts(conduct, exit_code=1, count=count) for count in range(4)] == [
        True,
        True,
        False,
        False,
    ]


def test_pauses_double_up_to_a_minute() -> None:
    assert [pause_seconds(n) for n in (0, 1, 2, 9, 10, 10_000)] == [0.1, 0.2, 0.4, 51.2, 60, 60]
