"""How it is found out whether a running container is well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from runtime.errors import InvalidSpec
from runtime.spec.topic import TEXTS, Topic, asked, number, whole

_DAY = 86_400.0
_LEAST = 0.001
DEFAULT_SECONDS = 30.0
DEFAULT_START_INTERVAL_SECONDS = 5.0
DEFAULT_RETRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Health(Topic):
    """A command that is run again and again: Docker Config.Healthcheck (HealthConfig).

    `test` is ("CMD", argument…), ("CMD-SHELL", script) or ("NONE",), which ends the image's; ()
    keeps the image's test. `interval_seconds` after the last one it has `timeout_seconds` to exit
    with 0; `retries` failures in a row are unhealthy. Failures do not count during
    `start_period_seconds`, when it runs every `start_interval_seconds` until it succeeds. None
    keeps what the image says of these, or else 30, 30, 3, 0 and 5.
    """

    PATH: ClassVar[str] = "health"
    test: tuple[str, ...] = asked(TEXTS, ())
    interval_seconds: float | None = asked(number(_LEAST, _DAY))
    timeout_seconds: float | None = asked(number(_LEAST, _DAY))
    start_period_seconds: float | None = asked(number(0, _DAY))
    start_interval_seconds: float | None = asked(number(_LEAST, _DAY))
    retries: int | None = asked(whole(1, 1_000_000))

    def validate(self) -> None:
        """Refuse a test of no known form."""
        if not self.test:
            return
        form, rest = self.test[0], self.test[1:]
        if form not in ("NONE", "CMD", "CMD-SHELL"):
            raise InvalidSpec("health.test", f"{form!r} is none of NONE, CMD, CMD-SHELL")
        if (form == "NONE") == bool(rest) or (form == "CMD-SHELL" and len(rest) != 1):
            raise InvalidSpec("health.test", f"{form} has the wrong number of arguments")
