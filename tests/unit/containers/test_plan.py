"""A spec and an image become a bundle, as with Docker."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from runtime.containers.plan import DEFAULT_PATH, Place, plan_container, signal_number
from runtime.containers.unbuilt import UNBUILT
from runtime.errors import InvalidSpec
from runtime.images.image import ResolvedImage
from runtime.oci.bundle import DEFAULT_CAPABILITIES
from runtime.oci.image import ImageConfig
from runtime.shim.conduct import Conduct
from runtime.spec.container import ContainerSpec
from runtime.spec.limits import Limits
from tests.unit.spec.wishes import EXTRA, WISHES

PLACE = Place(id="0123456789abcdef" * 2, state_dir="/d", cgroup="moorage.slice/i/c", id_base=1000)


def planned(image: dict[str, Any] | None = None, **spec: Any) -> Conduct:
    config = ImageConfig(architecture="amd64", os="linux", diff_ids=(), **(image or {}))
    resolved = ResolvedImage(id="sha256:1", config=config, layers=("/l2", "/l1"))
    return plan_container(ContainerSpec(image="x", **spec), resolved, PLACE)


@pytest.mark.parametrize(
    ("image", "spec", "args"),
    [
        ({"cmd": ("a",)}, {}, ("a",)),
        ({"cmd": ("a",)}, {"command": ("b", "c")}, ("b", "c")),
        ({"entrypoint": ("e",), "cmd": ("a",)}, {}, ("e", "a")),
        ({"entrypoint": ("e",), "cmd": ("a",)}, {"command": ("b",)}, ("e", "b")),
        ({"entrypoint": ("e",), "cmd": ("a",)}, {"entrypoint": ("f",)}, ("f",)),
        ({"entrypoint": ("e",)}, {"entrypoint": ("f",), "command": ("b",)}, ("f", "b")),
        ({"entrypoint": ("e",)}, {"entrypoint": (), "command": ("b",)}, ("b",)),
    ],
)
def test_command_and_entrypoint_merge_as_with_docker(
    image: dict[str, Any], spec: dict[str, Any], args: tuple[str, ...]
) -> None:
    assert planned(image, **spec).bundle.args == args


@pytest.mark.parametrize("image", [{}, {"cmd": ("",)}])
def test_without_any_command_it_is_refused(image: dict[str, Any]) -> None:
    with pytest.raises(InvalidSpec, match="command"):
        planned(image)


def test_the_spec_wins_over_the_image_and_that_over_the_defaults() -> None:
    bundle = planned(
        {
            "cmd": ("a",),
            "env": ("PATH=/image", "A=image", "B=image", "EMPTY=", "=odd"),
            "working_dir": "/srv",
            "user": "www",
        },
        env={"B": "spec"},
    ).bundle

    assert dict(bundle.env) == {
        "PATH": "/image",
        "HOSTNAME": "0123456789ab",
        "A": "image",
        "B": "spec",
        "EMPTY": "",
    }
    assert (bundle.cwd, bundle.user, bundle.hostname) == ("/srv", "www", "0123456789ab")


def test_defaults_fill_what_nobody_says() -> None:
    conduct = planned({"cmd": ("a",)})
    bundle = conduct.bundle

    assert dict(bundle.env)["PATH"] == DEFAULT_PATH
    assert (bundle.cwd, bundle.user, bundle.id_base) == ("/", "", 1000)
    assert set(bundle.capabilities) == set(DEFAULT_CAPABILITIES)
    assert bundle.lower == ("/l2", "/l1")
    assert (conduct.stop_signal, conduct.stop_timeout_seconds, conduct.restart) == (15, 10, "no")


def test_a_spec_without_working_dir_user_or_range_can_override_each() -> None:
    bundle = planned(
        {"cmd": ("a",), "user": "www", "working_dir": "/srv"},
        user="bob",
        working_dir="/home",
        id_range=500_000,
        hostname="box",
    ).bundle

    assert (bundle.user, bundle.cwd, bundle.id_base) == ("bob", "/home", 500_000)
    assert dict(bundle.env)["HOSTNAME"] == bundle.hostname == "box"


def test_limits_become_resources() -> None:
    limits = Limits(memory_bytes=64 << 20, cpus=0.5, pids=7, log_bytes=65_536, log_files=2)
    conduct = planned({"cmd": ("a",)}, limits=limits)
    resources = conduct.bundle.resources

    assert (resources.memory_bytes, resources.cpus, resources.pids) == (64 << 20, 0.5, 7)
    assert (conduct.log_bytes, conduct.log_files) == (65_536, 2)


def test_capabilities_are_dropped_and_added() -> None:
    bundle = planned(
        {"cmd": ("a",)}, capabilities_drop=("all",), capabilities_add=("net_raw",)
    ).bundle

    assert bundle.capabilities == ("CAP_NET_RAW",)


@pytest.mark.parametrize("field", UNBUILT)
def test_what_is_not_built_yet_is_refused_by_name(field: str) -> None:
    wish: dict[str, Any] = {}
    place = wish
    *above, name = field.split(".")
    for topic in above:
        place = place.setdefault(topic, {})
    place[name] = WISHES[field]
    wish |= EXTRA.get(field, {})

    with pytest.raises(InvalidSpec, match="yet") as refused:
        planned({"cmd": ("a",)}, **wish)
    assert refused.value.field in (field, *EXTRA.get(field, {}), "namespaces.time")


def test_names_and_groups_become_lines_of_files() -> None:
    bundle = planned(
        {"cmd": ("a",)},
        network={
            "dns_servers": ["1.1.1.1", "::1"],
            "dns_search": [".", "example.org"],
            "dns_options": ["ndots:2", "rotate"],
            "extra_hosts": ["db=10.0.0.1"],
            "domainname": "example.org",
        },
        process={"umask": 0o077, "groups_add": ["33"]},
    ).bundle

    assert bundle.resolver == (
        "nameserver 1.1.1.1",
        "nameserver ::1",
        "search example.org",
        "options ndots:2 rotate",
    )
    assert (bundle.hosts, bundle.domainname) == (("db:10.0.0.1",), "example.org")
    assert (bundle.umask, bundle.groups) == (0o077, ("33",))
    assert planned({"cmd": ("a",)}, network={"dns_search": ["."]}).bundle.resolver == ()


def test_a_gateway_is_refused_as_long_as_there_is_none() -> None:
    with pytest.raises(InvalidSpec) as refused:
        planned({"cmd": ("a",)}, network={"extra_hosts": ["up:host-gateway"]})

    assert refused.value.field == "network.extra_hosts"


def test_what_is_only_told_is_not_refused() -> None:
    told = {"annotations": {"a": "b"}, "on_build": ["RUN x"], "labels": {"a": "b"}}

    assert planned({"cmd": ("a",)}, **told).bundle.args == ("a",)


@pytest.mark.parametrize(
    ("text", "number"), [("SIGTERM", 15), ("term", 15), ("9", 9), ("RTMIN", 34), (" quit ", 3)]
)
def test_signals_have_names_and_numbers(text: str, number: int) -> None:
    assert signal_number("signal", text) == number


@pytest.mark.parametrize("text", ["", "0", "65", "-9", "SIGNONE", "SIG"])
def test_what_is_no_signal_is_refused(text: str) -> None:
    with pytest.raises(InvalidSpec, match="signal"):
        signal_number("signal", text)


def test_a_conduct_survives_its_file() -> None:
    conduct = planned({"cmd": ("a",), "env": ("A=1",)}, restart="always", stop_signal="INT")

    assert Conduct.from_json(conduct.to_json()) == conduct


def test_wishes_of_processes_become_parts_of_the_bundle() -> None:
    bundle = planned(
        {"cmd": ("a",)},
        limits={"ulimits": [{"name": "nofile", "soft": 5, "hard": -1}]},
        process={"oom_score_adj": 7, "personality": "LINUX32"},
        namespaces={"sysctls": {"net.ipv4.ip_forward": "1"}},
        security={"masked_paths": [], "readonly_paths": ["/proc/sys"]},
    ).bundle

    assert bundle.rlimits == ((7, 5, 2**64 - 1),)
    assert (bundle.oom_score_adj, bundle.personality) == (7, 8)
    assert bundle.sysctls == (("net.ipv4.ip_forward", "1"),)
    assert (bundle.masked_paths, bundle.readonly_paths) == ((), ("/proc/sys",))


def test_filesystems_in_memory_come_parents_first_with_their_options() -> None:
    bundle = planned(
        {"cmd": ("a",)},
        mounts=[
            {"type": "tmpfs", "target": "/run/lock", "options": ["size=1m"], "read_only": True},
            {"type": "tmpfs", "target": "/run/", "size_bytes": 4096, "mode": 0o755},
        ],
    ).bundle

    assert bundle.tmpfs == (
        ("/run/", ("size=4096", "mode=755")),
        ("/run/lock", ("size=1m", "ro")),
    )


@pytest.mark.parametrize("option", ["bind", "size=x", "uid=65536", "huge=always", "size", "mode=8"])
def test_what_no_tmpfs_of_a_container_takes_is_refused(option: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        planned({"cmd": ("a",)}, mounts=[{"type": "tmpfs", "target": "/x", "options": [option]}])

    assert refused.value.field == "mounts.options"


def test_limits_and_devices_that_few_ask_for_become_resources() -> None:
    rate = [{"device": "/dev/sda", "rate": 9}]
    bundle = planned(
        {"cmd": ("a",)},
        limits={
            "cpuset_cpus": "0-1",
            "io_weight_devices": [{"device": "8:0", "weight": 10}],
            "io_read_bps": rate,
            "io_write_iops": rate,
            "huge_pages": [{"page_size": "2MB", "limit_bytes": 1}],
            "unified": {"memory.high": "5"},
        },
        devices=["/dev/fuse", {"kind": "p", "target": "/dev/pipe", "uid": 7}],
        device_rules=[{"kind": "c", "major": 10, "access": "r"}],
    ).bundle
    asked = bundle.resources

    assert (asked.cpuset_cpus, asked.cpuset_mems) == ("0-1", None)
    assert asked.io_weights == (("8:0", 10),)
    assert asked.io_rates == (("read_bps", "/dev/sda", 9), ("write_iops", "/dev/sda", 9))
    assert (asked.huge_pages, asked.unified) == ((("2MB", 1),), (("memory.high", "5"),))
    assert asked.device_rules == ((True, "c", 10, None, "r"),)
    assert [one.target for one in bundle.devices] == ["/dev/fuse", "/dev/pipe"]
    assert (bundle.devices[0].source, bundle.devices[1].kind) == ("/dev/fuse", "p")


@pytest.mark.parametrize(
    ("device", "field"),
    [
        ({"source": "/srv/disk"}, "devices.target"),
        ({"source": "/dev/fuse", "target": "/fuse"}, "devices.target"),
        ({"source": "/dev/fuse", "uid": 65_536}, "devices.uid"),
    ],
)
def test_a_device_in_the_wrong_place_is_refused(device: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        planned({"cmd": ("a",)}, devices=[device])

    assert refused.value.field == field


def test_a_conduct_of_every_wish_survives_its_file() -> None:
    conduct = planned(
        {"cmd": ("a",)},
        devices=["/dev/fuse"],
        limits={"io_read_bps": [{"device": "8:0", "rate": 9}], "unified": {"memory.high": "5"}},
        mounts=[{"type": "tmpfs", "target": "/run", "size_bytes": 4096}],
        namespaces={"sysctls": {"net.ipv4.ip_forward": "1"}},
    )

    assert Conduct.from_json(json.loads(json.dumps(conduct.to_json()))) == conduct


def test_an_image_says_how_its_command_and_check_run_and_steers_nothing_else() -> None:
    """CVE-2022-23648, CVE-2026-53488: volumes and labels of an image that the engine acted on."""
    process = {"Cmd": ["a"], "User": "www", "WorkingDir": "/srv", "StopSignal": "INT"}
    hostile = {
        "Volumes": {"/../../etc": {}, "/link": {}},
        "Labels": {"moorage.privileged": "true", "io.kubernetes.cri.sandbox-id": "x"},
        "Healthcheck": {"Test": ["CMD-SHELL", "id"], "Interval": 10**9},
        "OnBuild": ["RUN id"],
        "Shell": ["/bin/evil", "-c"],
        "Hostname": "other",
        "Domainname": "other",
        "ExposedPorts": {"22/tcp": {}},
        "Memory": -1,
        "CpuShares": 1,
        "HostConfig": {"Privileged": True, "Binds": ["/:/host"]},
    }
    of_containers = {"HostConfig": {"Privileged": True}, "mounts": [{"destination": "/host"}]}

    made = [
        plan_container(
            ContainerSpec(image="x"), ResolvedImage(id="x", config=config, layers=("/l",)), PLACE
        )
        for config in (
            ImageConfig.from_json({"config": process}),
            ImageConfig.from_json({"config": process | hostile, **of_containers}),
        )
    ]

    check = made[1].check
    assert check is not None
    assert (check.args, check.interval_seconds) == (("/bin/evil", "-c", "id"), 1.0)
    assert made[0] == replace(made[1], check=None)


def test_a_check_survives_the_conduct_s_file() -> None:
    conduct = planned({"cmd": ("a",)}, health={"test": ["CMD", "well", "-x"], "retries": 2})

    assert conduct.check is not None
    assert conduct.check.args == ("well", "-x")
    assert Conduct.from_json(json.loads(json.dumps(conduct.to_json()))) == conduct


def test_a_conduct_of_before_there_were_checks_has_none() -> None:
    plain = planned({"cmd": ("a",)}).to_json()
    del plain["check"]

    assert Conduct.from_json(plain).check is None
