"""What was asked for is made to fit the node, and what does not fit is told."""

from __future__ import annotations

from runtime.isolation.node import fit_limits

NOFILE, CORE, ENDLESS = 7, 4, 2**64 - 1


def test_a_limit_below_the_node_s_is_left_alone() -> None:
    wanted = ((NOFILE, 10, 20), (CORE, 0, ENDLESS))

    assert fit_limits(wanted, {NOFILE: 20, CORE: ENDLESS}) == (wanted, ())


def test_a_limit_above_the_node_s_is_lowered_to_it_and_told() -> None:
    wanted = ((NOFILE, 30, ENDLESS), (CORE, 5, 50))

    limits, notices = fit_limits(wanted, {NOFILE: 20, CORE: 10})

    assert limits == ((NOFILE, 20, 20), (CORE, 5, 10))
    assert notices == (
        "limits.ulimits: nofile: this node gives 20 at most, no limit was asked for",
        "limits.ulimits: core: this node gives 10 at most, 50 was asked for",
    )
