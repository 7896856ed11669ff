"""Back-off of a process that keeps ending."""

from __future__ import annotations

from panel.host.restarts import HEALTHY_SECONDS, LONGEST_DELAY_SECONDS, Restarts


def test_the_first_restart_comes_at_once() -> None:
    assert Restarts().after(ran_seconds=1).delay_seconds <= 0.2


def test_each_early_end_doubles_the_delay_up_to_a_limit() -> None:
    state, delays = Restarts(), []
    for _ in range(12):
        state = state.after(ran_seconds=0)
        delays.append(state.delay_seconds)

    assert delays[1] == 2 * delays[0]
    assert delays[-1] == LONGEST_DELAY_SECONDS
    assert delays == sorted(delays)


def test_a_healthy_run_begins_anew() -> None:
    often = Restarts(failures=9)

    assert often.after(HEALTHY_SECONDS) == Restarts(failures=1)
