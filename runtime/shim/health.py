"""Whether a container is well: what each result of its check makes of that, and when the next is
due. Pure.

                     0                  failures in a row
      starting -----------> healthy -----------------------.
         |                     ^                            v
         |                     '------------------ 0 --- unhealthy
         |  failures in a row, after the start period       ^
         '--------------------------------------------------'
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from runtime.events import HealthRecord, ProbeResult
from runtime.shim.conduct import Check

STARTING = "starting"
HEALTHY = "healthy"
UNHEALTHY = "unhealthy"
RESULTS_KEPT = 5
OUTPUT_KEPT = 4096
"""Bytes of a result's output."""
LEAST_PAUSE_SECONDS = 0.1
"""Between two probes whatever was asked: to begin one costs the node, not the container."""


class Finding(StrEnum):
    """What one result says: it passed, it failed, it failed once too often."""

    PASSED = "passed"
    FAILED = "failed"
    FAILED_ENOUGH = "failed enough"


NEXT: dict[tuple[str, Finding], str] = {
    (STARTING, Finding.PASSED): HEALTHY,
    (STARTING, Finding.FAILED): STARTING,
    (STARTING, Finding.FAILED_ENOUGH): UNHEALTHY,
    (HEALTHY, Finding.PASSED): HEALTHY,
    (HEALTHY, Finding.FAILED): HEALTHY,
    (HEALTHY, Finding.FAILED_ENOUGH): UNHEALTHY,
    (UNHEALTHY, Finding.PASSED): HEALTHY,
    (UNHEALTHY, Finding.FAILED): UNHEALTHY,
    (UNHEALTHY, Finding.FAILED_ENOUGH): UNHEALTHY,
}
"""(status, finding) -> status."""


def begun(before: HealthRecord | None) -> HealthRecord:
    """Return the health of a container whose run begins; the results of earlier runs stay."""
    return HealthRecord(status=STARTING, log=before.log if before else ())


def after(
    check: Check, health: HealthRecord, result: ProbeResult, *, age_seconds: float
) -> HealthRecord:
    """Return the health after a result of a probe that began `age_seconds` after its run.

    A failure does not count in the start period, unless the container has been well before.
    """
    log = (*health.log, result)[-RESULTS_KEPT:]
    if result.exit_code == 0:
        status = NEXT[health.status, Finding.PASSED]
        return HealthRecord(status=status, log=log)
    if health.status == STARTING and age_seconds < check.start_period_seconds:
        return replace(health, log=log)
    streak = health.failing_streak + 1
    finding = Finding.FAILED_ENOUGH if streak >= check.retries else Finding.FAILED
    return HealthRecord(status=NEXT[health.status, finding], failing_streak=streak, log=log)


def pause_seconds(check: Check, health: HealthRecord, *, age_seconds: float) -> float:
    """Return the time from the end of one probe, or the start of a run, to the next probe."""
    starts = health.status == STARTING and age_seconds < check.start_period_seconds
    wanted = check.start_interval_seconds if starts else check.interval_seconds
    return max(LEAST_PAUSE_SECONDS, wanted)


def as_text(output: bytes) -> str:
    """Return the beginning of an output as text that every database holds."""
    text = output[:OUTPUT_KEPT].decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text.encode()[:OUTPUT_KEPT].decode(errors="ignore")
