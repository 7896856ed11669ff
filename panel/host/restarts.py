"""When a process that ended is started again. Pure."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 10.0
HEALTHY_SECONDS = 20.0
"""A process that ran this long was healthy: the next delay is the first one again."""


@dataclass(frozen=True, slots=True)
class Restarts:
    """How often a process ended early in a row."""

    failures: int = 0

    def after(self, ran_seconds: float) -> Restarts:
        """Return the state after the process ran for `ran_seconds` and ended."""
        return Restarts(1 if ran_seconds >= HEALTHY_SECONDS else self.failures + 1)

    @property
    def delay_seconds(self) -> float:
        """How long to wait before the next start: doubled by each early end, up to a limit."""
        doublings = min(max(self.failures - 1, 0), 10)
        return float(min(FIRST_DELAY_SECONDS * 2**doublings, LONGEST_DELAY_SECONDS))
