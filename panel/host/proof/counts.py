"""Adds up what was run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree


@dataclass(frozen=True, slots=True)
class Counts:
    """How many tests passed, failed (errors too) and were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped
        )

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def of_command(status: int) -> Counts:
    """Return the counts of a command that is one test by itself."""
    return Counts(passed=1) if status == 0 else Counts(failed=1)


def of_report(report: Path, status: int) -> Counts:
    """Return the counts in a JUnit report; a run that broke off counts as a failure at least."""
    try:
        root = ElementTree.parse(report).getroot()  # noqa: S314  # written by our own pytest
    except (OSError, ElementTree.ParseError):
        return Counts(failed=1)
    total = Counts()
    for suite in root.iter("testsuite"):
        failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped = int(suite.get("skipped", 0))
        total += Counts(int(suite.get("tests", 0)) - failed - skipped, failed, skipped)
    if status != 0 and total.failed == 0:
        total += Counts(failed=1)
    return total
