"""How often events are told."""

from __future__ import annotations

import pytest

from runtime.cli.events import duration
from runtime.errors import InvalidSpec


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5s", 5), ("100ms", 0.1), ("1m30s", 90), ("1.5s", 1.5), ("2h", 7200), ("0s", 0.01)],
)
def test_durations_are_as_go_writes_them(text: str, seconds: float) -> None:
    assert duration("--interval", text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "5x", "-1s", "5s ", "1s5"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(InvalidSpec, match="--interval"):
        duration("--interval", text)
