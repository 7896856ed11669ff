"""What results make of a container's health, and when the next probe is due."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runtime.events import HealthRecord, ProbeResult
from runtime.shim import health
from runtime.shim.conduct import Check
from runtime.shim.health import HEALTHY, NEXT, STARTING, UNHEALTHY, Finding

CHECK = Check(
    args=("true",),
    interval_seconds=30.0,
    timeout_seconds=10.0,
    start_period_seconds=60.0,
    start_interval_seconds=5.0,
    retries=3,
)
STATUSES = (STARTING, HEALTHY, UNHEALTHY)
LATE = 61.0
"""An age beyond the start period."""


def result(exit_code: int | None, at: int = 0) -> ProbeResult:
    return ProbeResult(started_ns=at, finished_ns=at + 1, exit_code=exit_code)


def told(status: str, streak: int = 0) -> HealthRecord:
    return HealthRecord(status=status, failing_streak=streak)


def after(before: HealthRecord, code: int | None, age: float = LATE) -> tuple[str, int]:
    """Return status and streak after one result."""
    found = health.after(CHECK, before, result(code), age_seconds=age)
    return found.status, found.failing_streak


def test_the_table_has_every_status_and_finding() -> None:
    assert set(NEXT) == {(status, finding) for status in STATUSES for finding in Finding}
    assert set(NEXT.values()) == set(STATUSES)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("age", [0.0, LATE])
@pytest.mark.parametrize("streak", [0, 2, 7])
def test_one_success_is_healthy_whatever_was_before(status: str, age: float, streak: int) -> None:
    assert after(told(status, streak), 0, age) == (HEALTHY, 0)


@pytest.mark.parametrize("code", [1, 2, 137, None])
@pytest.mark.parametrize(
    ("status", "streak", "then"),
    [
        (STARTING, 0, STARTING),
        (STARTING, 1, STARTING),
        (STARTING, 2, UNHEALTHY),
        (HEALTHY, 0, HEALTHY),
        (HEALTHY, 1, HEALTHY),
        (HEALTHY, 2, UNHEALTHY),
        (UNHEALTHY, 3, UNHEALTHY),
        (UNHEALTHY, 0, UNHEALTHY),
    ],
)
def test_as_many_failures_in_a_row_as_retries_are_unhealthy(
    status: str, streak: int, then: str, code: int | None
) -> None:
    assert after(told(status, streak), code) == (then, streak + 1)


def test_failures_in_the_start_period_do_not_count_but_are_told() -> None:
    found = told(STARTING)
    for number in range(10):
        found = health.after(CHECK, found, result(1, number), age_seconds=59.9)

    assert (found.status, found.failing_streak) == (STARTING, 0)
    assert [one.started_ns for one in found.log] == [5, 6, 7, 8, 9]


@pytest.mark.parametrize("status", [HEALTHY, UNHEALTHY])
def test_what_has_been_well_may_fail_in_the_start_period(status: str) -> None:
    assert after(told(status, 2), 1, age=1.0) == (UNHEALTHY, 3)


def test_the_start_period_ends_at_its_second() -> None:
    assert after(told(STARTING), 1, age=60.0) == (STARTING, 1)


def test_the_last_five_results_are_kept_oldest_first() -> None:
    found = told(HEALTHY)
    for number in range(8):
        found = health.after(CHECK, found, result(number % 2, number), age_seconds=LATE)

    assert [one.started_ns for one in found.log] == [3, 4, 5, 6, 7]


def test_a_new_run_starts_anew_and_remembers_results() -> None:
    before = HealthRecord(status=UNHEALTHY, failing_streak=9, log=(result(1),))

    assert health.begun(before) == HealthRecord(status=STARTING, log=(result(1),))
    assert health.begun(None) == HealthRecord(status=STARTING)


@pytest.mark.parametrize(
    ("status", "age", "pause"),
    [
        (STARTING, 0.0, 5.0),
        (STARTING, 59.9, 5.0),
        (STARTING, 60.0, 30.0),
        (HEALTHY, 0.0, 30.0),
        (UNHEALTHY, 0.0, 30.0),
        (HEALTHY, LATE, 30.0),
    ],
)
def test_the_start_interval_is_for_the_start_alone(status: str, age: float, pause: float) -> None:
    assert health.pause_seconds(CHECK, told(status), age_seconds=age) == pause


def test_without_a_start_period_there_is_no_start_interval() -> None:
    check = replace(CHECK, start_period_seconds=0.0)

    assert health.pause_seconds(check, told(STARTING), age_seconds=0.0) == 30.0


def test_an_interval_of_next_to_nothing_does_not_burn_the_node() -> None:
    check = replace(CHECK, interval_seconds=0.001, start_interval_seconds=0.001)

    assert health.pause_seconds(check, told(STARTING), age_seconds=0.0) == 0.1
    assert health.pause_seconds(check, told(HEALTHY), age_seconds=0.0) == 0.1


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (b"well\n", "well\n"),
        ("\u00fc".encode(), "\u00fc"),
        (b"a\0b", "a\ufffdb"),
        (b"a\xffb", "a\ufffdb"),
        (b"x" * 5000, "x" * 4096),
        (b"x" + "\u00fc".encode() * 4000, "x" + "\u00fc" * 2047),
    ],
)
def test_output_is_bounded_text_that_databases_hold(output: bytes, text: str) -> None:
    assert health.as_text(output) == text


def test_what_is_no_text_is_bounded_too() -> None:
    assert len(health.as_text(b"\xff" * 5000).encode()) <= 4096


def test_health_survives_its_json() -> None:
    found = HealthRecord(
        status=HEALTHY, failing_streak=2, log=(result(None), replace(result(0), output="a"))
    )

    assert HealthRecord.from_json(found.to_json()) == found
    newer = {**found.to_json(), "mood": "fine"}
    assert HealthRecord.from_json(newer) == found
