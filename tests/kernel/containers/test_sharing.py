"""A container that shares namespaces of another one."""

from __future__ import annotations

import os

import pytest

from runtime.errors import Conflict, InvalidSpec
from runtime.events import ContainerRecord
from runtime.spec.execution import ExecSpec
from runtime.spec.namespaces import Namespaces
from tests.kernel.containers.conftest import Instance, shell, until

pytestmark = pytest.mark.kernel

KINDS = {"network": "net", "pid": "pid", "ipc": "ipc", "uts": "uts"}


def namespaces(record: ContainerRecord) -> dict[str, str]:
    """Return what the first process of a container is in."""
    names = (*KINDS.values(), "user", "mnt", "cgroup")
    return {name: os.readlink(f"/proc/{record.pid}/ns/{name}") for name in names}


def beside(other: str, *kinds: str) -> Namespaces:
    return Namespaces.from_json(dict.fromkeys(kinds, f"container:{other}"))


def shared(first: ContainerRecord, second: ContainerRecord) -> set[str]:
    """Return the kinds of namespaces that are the same."""
    one, two = namespaces(first), namespaces(second)
    return {name for name in one if one[name] == two[name]}


@pytest.mark.parametrize("kinds", [*((kind,) for kind in KINDS), tuple(KINDS)], ids="-".join)
def test_what_is_asked_for_is_shared_and_nothing_else(
    instance: Instance, kinds: tuple[str, ...]
) -> None:
    other = instance.run("sleep 600")
    made = instance.run("sleep 600", namespaces=beside(other.id, *kinds))

    assert shared(other, made) == {"user", *(KINDS[kind] for kind in kinds)}
    command = ExecSpec(command=("true",))
    instance.engine.containers.execute(made.id, command, operation="exec1")
    told = instance.engine.containers
    until(lambda: getattr(told.once(made.id, "exec1"), "state", "") == "done")
    mark = told.once(made.id, "exec1")
    assert mark is not None
    assert mark.result is not None
    assert mark.result["exit_code"] == 0


def test_it_ends_alone_and_can_be_started_again(instance: Instance) -> None:
    other = instance.run("sleep 600")
    made = instance.run("sleep 600", namespaces=beside(other.id, *KINDS))
    instance.engine.containers.kill(made.id)
    over = instance.engine.containers.wait(made.id, timeout_seconds=20)
    again = instance.engine.containers.start(made.id)

    assert over.exit_code == 137
    assert instance.engine.containers.inspect(other.id) == other
    assert shared(other, again) == {"user", *KINDS.values()}


def test_its_network_outlives_the_other_one(instance: Instance) -> None:
    other = instance.run("sleep 600")
    made = instance.run("sleep 600", namespaces=beside(other.id, "network"))
    before = namespaces(made)
    instance.engine.containers.delete(other.id, force=True)

    assert instance.engine.containers.inspect(made.id).state == "running"
    assert namespaces(made) == before


def test_another_one_has_to_run(instance: Instance) -> None:
    other = instance.engine.containers.create(shell("sleep 600"))
    made = instance.engine.containers.create(shell("true", namespaces=beside(other.id, "network")))
    with pytest.raises(Conflict, match="is not running"):
        instance.engine.containers.start(made.id)
    assert instance.engine.containers.inspect(made.id).state == "created"

    instance.engine.containers.delete(other.id)
    with pytest.raises(InvalidSpec, match="there is no container") as refused:
        instance.engine.containers.start(made.id)
    assert refused.value.field == "namespaces.network"


def test_one_with_the_ids_of_the_host_is_not_shared(instance: Instance) -> None:
    other = instance.run("sleep 600", namespaces=Namespaces(user="host"))
    made = instance.engine.containers.create(shell("true", namespaces=beside(other.id, "uts")))
    with pytest.raises(InvalidSpec, match="ids of the host"):
        instance.engine.containers.start(made.id)


def test_one_of_another_team_is_as_if_it_were_not_there(instance: Instance) -> None:
    foreign = instance.run("sleep 600", id_range=262_144)
    made = instance.engine.containers.create(
        shell("sleep 600", namespaces=beside(foreign.id, "network"))
    )
    with pytest.raises(InvalidSpec, match=f"there is no container {foreign.id}") as refused:
        instance.engine.containers.start(made.id)

    assert refused.value.field == "namespaces.network"
    assert instance.engine.containers.inspect(made.id).state == "created"
