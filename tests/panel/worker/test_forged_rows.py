"""Rows written past the panel, as a web process taken over could: root refuses by its own file."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db.models import F

from panel.accounts.actors import Actor
from panel.accounts.models import Team
from panel.inventory.models import Container
from panel.operations.models import Operation, Status
from panel.operations.submit import submit
from panel.policy.models import TeamPolicy
from panel.worker.run import Workshop, run
from tests.fakes.engine import FakeEngine
from tests.fakes.rows import error_of

OPEN = {
    "privileged": True,
    "host_paths": ["/"],
    "host_namespaces": ["pid", "network"],
    "devices": ["*"],
    "capabilities": ["*"],
    "unconfined_seccomp": True,
    "new_privileges": True,
}
WISHES: list[tuple[str, dict[str, Any]]] = [
    ("privileged", {"privileged": True}),
    ("mounts", {"binds": [{"source": "/etc", "target": "/host"}]}),
    ("mounts", {"mounts": [{"source": "/etc", "target": "/host"}]}),
    ("namespaces.pid", {"host_namespaces": ["pid"]}),
    ("namespaces.network", {"namespaces": {"network": "path:/proc/1/ns/net"}}),
    ("limits.unified", {"limits": {"unified": {"memory.max": "max"}}}),
    ("hooks.prestart", {"hooks": {"prestart": [{"program": "/bin/sh"}]}}),
    ("devices", {"devices": ["/dev/kmsg"]}),
    ("capabilities_add", {"capabilities_add": ["SYS_ADMIN"]}),
    ("capabilities_add", {"capabilities_add": ["cap_sys_ptrace"]}),
    ("capabilities_add", {"capabilities_add": ["ALL"]}),
    ("seccomp", {"seccomp": "unconfined"}),
    ("no_new_privileges", {"no_new_privileges": False}),
]

pytestmark = pytest.mark.django_db(transaction=True)


def forge(team_id: int, kind: str, params: dict[str, Any], **columns: Any) -> Operation:
    """Write a row as SQL would, past every check of the panel."""
    last = Operation.objects.order_by("-number").first()
    target = columns.pop("target", uuid.uuid4().hex)
    return Operation.objects.create(
        id=uuid.uuid4().hex,
        number=(last.number if last else 0) + 1000,
        kind=kind,
        node="here",
        team_id=team_id,
        target=target,
        params=params,
        **columns,
    )


@pytest.mark.parametrize(("field", "wish"), WISHES)
def test_a_forged_create_is_refused_by_the_ceiling(
    alice: Actor, workshop: Workshop, engine: FakeEngine, field: str, wish: dict[str, Any]
) -> None:
    TeamPolicy.objects.create(team_id=alice.team_id, preset="privileged", overrides=OPEN)
    spec = {"image": "starter", "command": ["sleep", "9"], **wish}
    forged = forge(alice.team_id, "container.create", {"spec": spec, "start": True})

    run(forged.pk, workshop)

    forged.refresh_from_db()
    assert (forged.status, error_of(forged)["code"]) == (Status.FAILED, "refused")
    assert error_of(forged)["details"]["field"] == field
    assert engine.effects == []


def test_a_ceiling_that_allows_and_a_policy_that_allows_let_it_run(
    alice: Actor, workshop: Workshop, engine: FakeEngine, tmp_path: Path
) -> None:
    (tmp_path / "ceiling.toml").write_text('capabilities = ["NET_RAW", "SYS_PTRACE"]\n')
    TeamPolicy.objects.create(team_id=alice.team_id, overrides={"capabilities": ["NET_RAW"]})
    spec = {
        "image": "starter",
        "command": ["sleep", "9"],
        "capabilities_add": ["NET_RAW"],
    }
    operation = submit("container.create", actor=alice, params={"spec": spec})

    run(operation.pk, workshop)

    operation.refresh_from_db()
    assert (operation.status, operation.error) == (Status.SUCCEEDED, None)


@pytest.mark.parametrize("forged", [0, 1000, 300_000_001, 299_934_464, 4_294_901_760 - 65_536])
def test_host_ids_outside_the_nodes_ranges_are_refused(
    alice: Actor, workshop: Workshop, engine: FakeEngine, forged: int
) -> None:
    operation = submit("container.create", actor=alice, params={"spec": {"image": "starter"}})
    Team.objects.filter(pk=alice.team_id).update(id_range=forged)

    run(operation.pk, workshop)

    operation.refresh_from_db()
    assert (operation.status, error_of(operation)["code"]) == (Status.FAILED, "refused")
    assert error_of(operation)["details"]["field"] == "id_range"
    assert engine.effects == []


def test_ids_in_the_row_count_for_nothing(
    alice: Actor, workshop: Workshop, engine: FakeEngine
) -> None:
    spec = {"image": "starter", "command": ["sleep", "9"], "namespace": "elsewhere", "id_range": 0}
    forged = forge(alice.team_id, "container.create", {"spec": spec, "start": True})

    run(forged.pk, workshop)

    (record,) = engine.containers.list()
    team = Team.objects.get(pk=alice.team_id)
    assert (record.namespace, record.spec["id_range"]) == ("harbour", team.id_range)


@pytest.mark.parametrize("target", ["../../etc", "x", "", "A" * 32])
def test_a_target_that_is_no_id_reaches_no_path(
    alice: Actor, workshop: Workshop, engine: FakeEngine, target: str
) -> None:
    forged = forge(alice.team_id, "container.create", {"spec": {"image": "starter"}}, target=target)

    run(forged.pk, workshop)

    forged.refresh_from_db()
    assert forged.status == Status.FAILED
    assert engine.effects == []


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("container.start", {}),
        ("container.stop", {}),
        ("container.kill", {"signal": "SIGKILL"}),
        ("container.restart", {}),
        ("container.rename", {"name": "x"}),
        ("container.update", {"limits": {"pids": 5}}),
        ("container.pause", {}),
        ("container.resume", {}),
        ("container.delete", {"force": True}),
        ("container.exec", {"spec": {"command": ["true"]}}),
        ("container.session", {"spec": {"command": ["true"]}}),
    ],
)
def test_a_row_of_one_team_cannot_reach_anothers_container(
    charlie: Actor,
    created: Callable[..., str],
    workshop: Workshop,
    engine: FakeEngine,
    kind: str,
    params: dict[str, Any],
) -> None:
    container = created()
    before = list(engine.effects)
    forged = forge(charlie.team_id, kind, params, target=container)

    run(forged.pk, workshop)

    forged.refresh_from_db()
    assert (forged.status, error_of(forged)["code"]) == (Status.FAILED, "not_found")
    assert engine.effects == before


@pytest.mark.parametrize("upload", ["../ceiling.toml", "a" * 32, None, 7])
def test_only_an_upload_of_the_team_is_loaded(
    alice: Actor, workshop: Workshop, tmp_path: Path, upload: object
) -> None:
    (tmp_path / ("a" * 32)).write_bytes(b"of somebody else")
    forged = forge(alice.team_id, "image.load", {"upload": upload}, target="")

    run(forged.pk, workshop)

    forged.refresh_from_db()
    assert forged.status == Status.FAILED
    assert (tmp_path / ("a" * 32)).exists()


def test_a_kind_that_is_no_kind_ends_in_failure(alice: Actor, workshop: Workshop) -> None:
    forged = forge(alice.team_id, "container.explode", {})

    run(forged.pk, workshop)

    forged.refresh_from_db()
    assert (forged.status, error_of(forged)["code"]) == (Status.FAILED, "internal")


def test_params_that_are_no_object_end_in_failure(alice: Actor, workshop: Workshop) -> None:
    forged = forge(alice.team_id, "container.create", {"spec": 7})

    run(forged.pk, workshop)

    forged.refresh_from_db()
    assert (forged.status, error_of(forged)["code"]) == (Status.FAILED, "invalid_spec")


def test_a_policy_tightened_since_is_obeyed(
    alice: Actor, workshop: Workshop, engine: FakeEngine
) -> None:
    operation = submit("container.create", actor=alice, params={"spec": {"image": "starter"}})
    TeamPolicy.objects.create(team_id=alice.team_id, overrides={"max_pids": 10})

    run(operation.pk, workshop)

    operation.refresh_from_db()
    assert error_of(operation)["details"]["field"] == "limits.pids"
    assert not Container.objects.filter(pk=operation.target, deleted=False).exists()


def test_a_row_that_counts_its_fence_up_meanwhile_is_not_finished_twice(
    alice: Actor, workshop: Workshop, engine: FakeEngine
) -> None:
    operation = submit(
        "container.create",
        actor=alice,
        params={"spec": {"image": "starter", "command": ["sleep", "9"]}},
    )

    def take_away(verb: str, _: str) -> None:
        if verb == "create":
            Operation.objects.filter(pk=operation.pk).update(fence=F("fence") + 1)

    engine.containers.before = take_away
    run(operation.pk, workshop)

    operation.refresh_from_db()
    assert operation.status == Status.RUNNING
