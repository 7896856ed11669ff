"""Opening sessions: who may, under which policy, and never twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from panel.accounts.actors import Actor
from panel.operations.models import Operation, Status
from panel.operations.submit import submit
from panel.policy.models import TeamPolicy
from panel.policy.rules import Refused
from panel.worker.run import Workshop, run
from runtime.errors import InvalidSpec
from tests.fakes.engine import FakeEngine

SHELL: dict[str, Any] = {"spec": {"command": ["cat"]}}
Drain = Callable[[], list[Operation]]


def asked(actor: Actor, container: str, params: dict[str, Any] = SHELL) -> Operation:
    return submit("container.session", actor=actor, target=container, params=params)


def test_a_session_is_opened_and_goes_on(
    bob: Actor, created: Callable[..., str], drain: Drain, engine: FakeEngine
) -> None:
    container = created()
    operation = asked(bob, container)
    drain()

    operation.refresh_from_db()
    assert (operation.status, operation.handed_over) == (Status.RUNNING, True)
    assert ("session", container) in engine.effects
    assert operation.params["spec"]["rows"] == 24


def test_a_worker_that_takes_over_opens_none_again(
    bob: Actor, created: Callable[..., str], workshop: Workshop, engine: FakeEngine
) -> None:
    container = created()
    operation = asked(bob, container)
    engine.containers.begin(container, operation.pk)
    run(operation.pk, workshop)

    operation.refresh_from_db()
    assert operation.handed_over
    assert ("session", container) not in engine.effects


def test_what_does_not_run_has_no_session(
    bob: Actor, created: Callable[..., str], drain: Drain
) -> None:
    operation = asked(bob, created("true"))
    drain()

    operation.refresh_from_db()
    assert operation.error is not None
    assert operation.error["code"] == "conflict"


def test_a_team_s_policy_may_forbid_sessions(
    bob: Actor, created: Callable[..., str], drain: Drain, engine: FakeEngine
) -> None:
    container = created()
    operation = asked(bob, container)
    TeamPolicy.objects.create(team_id=bob.team_id, overrides={"sessions": False})
    drain()

    operation.refresh_from_db()
    assert operation.error is not None
    assert operation.error["code"] == "refused"
    assert ("session", container) not in engine.effects
    with pytest.raises(Refused, match="policy"):
        asked(bob, container)


@pytest.mark.parametrize("ceiling", ["sessions = false\n", "not toml"])
def test_a_node_s_ceiling_may_forbid_sessions(
    bob: Actor,
    created: Callable[..., str],
    drain: Drain,
    engine: FakeEngine,
    tmp_path: Path,
    ceiling: str,
) -> None:
    container = created()
    operation = asked(bob, container)
    (tmp_path / "ceiling.toml").write_text(ceiling)
    (tmp_path / "ceiling.toml").chmod(0o600)
    drain()

    operation.refresh_from_db()
    assert operation.error is not None
    assert operation.error["code"] == "refused"
    assert ("session", container) not in engine.effects


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"command": []}, "command"),
        ({"command": ["sh"], "privileged": True}, "privileged"),
        ({"command": ["sh"], "columns": 0}, "columns"),
    ],
)
def test_a_wrong_wish_is_refused_at_once(
    bob: Actor, created: Callable[..., str], wrong: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidSpec) as refused:
        asked(bob, created(), {"spec": wrong})

    assert refused.value.field == field
