"""The table of states and verbs."""

from __future__ import annotations

import pytest

from runtime.containers import lifecycle
from runtime.errors import Conflict

STATES = {"created", "running", "paused", "restarting", "exited", "dead"}


def test_every_state_of_the_table_is_one_of_the_states() -> None:
    assert {state for state, _ in lifecycle.NEXT} | set(lifecycle.NEXT.values()) <= STATES


def test_a_verb_out_of_place_names_state_and_verb() -> None:
    with pytest.raises(Conflict, match=r"exited.*kill"):
        lifecycle.after("exited", "kill", container="c")


def test_what_waits_to_restart_takes_other_verbs_than_what_exited() -> None:
    assert lifecycle.after("exited", "stop", restarting=True) == "exited"
    with pytest.raises(Conflict, match="restarting"):
        lifecycle.after("exited", "delete", restarting=True)


@pytest.mark.parametrize("verb", ["start", "execute", "delete"])
def test_what_is_paused_takes_no_command_and_no_new_process(verb: str) -> None:
    with pytest.raises(Conflict, match="paused"):
        lifecycle.after("paused", verb)


@pytest.mark.parametrize("state", ["created", "running", "paused", "exited"])
def test_force_deletes_from_every_state(state: str) -> None:
    assert lifecycle.after(state, "delete by force") == "dead"
