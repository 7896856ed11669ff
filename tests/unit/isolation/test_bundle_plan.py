"""What of a bundle's configuration is decided before anything is made."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runtime.abi import CAPABILITIES
from runtime.errors import InvalidSpec
from runtime.isolation.oci.plan import (
    Blueprint,
    IdMaps,
    Surroundings,
    check_further,
    missing_powers,
    plan_blueprint,
    plan_devices,
    plan_process,
)
from runtime.oci.config import Config, parse_config
from runtime.oci.config_ids import IdMapping

ALL = (1 << len(CAPABILITIES)) - 1
EXTENTS = (IdMapping(0, 1000, 10), IdMapping(50, 5000, 1))


def config(**changes: Any) -> Config:
    """Return a small configuration."""
    plain: dict[str, Any] = {
        "ociVersion": "1.2.0",
        "process": {"args": ["sh"], "cwd": "/"},
        "root": {"path": "rootfs"},
        "linux": {"namespaces": [{"type": "mount"}]},
    }
    return parse_config(json.dumps(plain | changes).encode())


def blueprint(wanted: Config) -> Blueprint:
    """Plan for a machine with everything."""
    around = Surroundings(machine="x86_64", held=ALL)
    return plan_blueprint(wanted, "/bundle", plan_process(wanted.process, wanted, around))


def test_a_relative_root_is_the_bundles() -> None:
    assert blueprint(config()).rootfs == "/bundle/rootfs"
    assert blueprint(config(root={"path": "/srv/tree"})).rootfs == "/srv/tree"


def test_ids_are_mapped_by_their_extent() -> None:
    maps = IdMaps(uids=EXTENTS, gids=EXTENTS)

    assert [maps.uid(number) for number in (0, 9, 50)] == [1000, 1009, 5000]
    assert IdMaps().uid(70_000) == 70_000


@pytest.mark.parametrize("number", [10, 49, 51])
def test_an_id_outside_of_the_map_is_refused(number: int) -> None:
    with pytest.raises(InvalidSpec, match=r"process\.user\.gid"):
        IdMaps(uids=EXTENTS, gids=EXTENTS).gid(number)


def test_users_and_groups_must_be_mapped() -> None:
    mapping = [{"containerID": 0, "hostID": 1000, "size": 10}]
    linux = {
        "namespaces": [{"type": "mount"}, {"type": "user"}],
        "uidMappings": mapping,
        "gidMappings": mapping,
    }
    user = {"uid": 1, "gid": 1, "additionalGids": [2, 10]}

    with pytest.raises(InvalidSpec, match=r"process\.user\.additionalGids\[1\]"):
        blueprint(config(linux=linux, process={"args": ["sh"], "cwd": "/", "user": user}))


def test_what_the_runtime_has_not_it_cannot_give() -> None:
    names = ["CAP_CHOWN", "CAP_SYS_RESOURCE"]
    sets = dict.fromkeys(("bounding", "permitted", "effective"), names)
    process = {"args": ["sh"], "cwd": "/", "capabilities": sets}
    around = Surroundings(machine="x86_64", held=1)
    wanted = config(process=process)

    assert plan_process(wanted.process, wanted, around).powers.permitted == 1
    assert missing_powers(wanted.process, wanted, around) == ("CAP_SYS_RESOURCE",)


def test_in_a_user_namespace_of_its_own_everything_can_be_given() -> None:
    mapping = [{"containerID": 0, "hostID": 1000, "size": 10}]
    linux = {
        "namespaces": [{"type": "mount"}, {"type": "user"}],
        "uidMappings": mapping,
        "gidMappings": mapping,
    }
    sets = {"bounding": ["CAP_SYS_RESOURCE"]}
    wanted = config(linux=linux, process={"args": ["sh"], "cwd": "/", "capabilities": sets})
    around = Surroundings(machine="x86_64", held=0)

    assert plan_process(wanted.process, wanted, around).powers.bounding == 1 << 24
    assert missing_powers(wanted.process, wanted, around) == ()


def test_default_devices_and_those_of_the_bundle() -> None:
    null = {"path": "/dev/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o600}
    linux = {"namespaces": [{"type": "mount"}], "devices": [null]}

    found = {device.path: device.mode & 0o777 for device in plan_devices(config(linux=linux))}

    assert found["/dev/null"] == 0o600
    assert found["/dev/zero"] == 0o666
    assert len(found) == 6


@pytest.mark.parametrize("destination", ["/dev", "/dev/"])
def test_nothing_is_made_in_a_dev_of_somebody_else(destination: str) -> None:
    bind = {"destination": destination, "type": "bind", "source": "/dev"}

    assert plan_devices(config(mounts=[bind])) == ()


def test_a_device_that_is_bound_is_not_made() -> None:
    bind = {"destination": "/dev/null", "type": "bind", "source": "/dev/null"}

    assert "/dev/null" not in {device.path for device in plan_devices(config(mounts=[bind]))}


@pytest.mark.parametrize(
    "scheduler",
    [
        {"policy": "SCHED_DEADLINE", "runtime": 1, "deadline": 2, "period": 2},
        {"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_RESET_ON_FORK"]},
    ],
)
def test_what_a_child_has_not_is_for_the_first_process_only(scheduler: dict[str, Any]) -> None:
    process = {"args": ["sh"], "cwd": "/", "scheduler": scheduler}

    with pytest.raises(InvalidSpec, match=r"process\.scheduler"):
        check_further(blueprint(config(process=process)).process)


def test_a_policy_that_children_have_can_be_given_to_them() -> None:
    process = {"args": ["sh"], "cwd": "/", "scheduler": {"policy": "SCHED_BATCH", "nice": 3}}

    check_further(blueprint(config(process=process)).process)
