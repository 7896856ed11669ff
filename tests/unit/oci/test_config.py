"""config.json becomes what it says, or an error that names the field."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from runtime import abi
from runtime.errors import InvalidSpec
from runtime.oci.config import HOOKS, Config, parse_config
from runtime.oci.config_fields import KEPT, REFUSED
from runtime.oci.config_linux import NAMESPACES
from runtime.oci.config_resources import DeviceRule

SETS = ("bounding", "effective", "inheritable", "permitted", "ambient")
FREE_NAMES = ("annotations", "linux.sysctl", "linux.resources.unified")
MAPPING = [{"containerID": 0, "hostID": 1000, "size": 10}]
PLAIN: dict[str, Any] = {
    "ociVersion": "1.2.0",
    "root": {"path": "rootfs", "readonly": True},
    "hostname": "box",
    "process": {
        "args": ["/bin/true"],
        "cwd": "/",
        "env": ["A=b=c"],
        "user": {"uid": 1, "gid": 2, "umask": 63, "additionalGids": [5, 6]},
        "capabilities": {"permitted": ["CAP_KILL"], "effective": ["CAP_KILL"]},
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 10, "hard": 20}],
    },
    "mounts": [
        {
            "destination": "/data",
            "source": "/srv",
            "options": ["rbind", "ro", "rnosuid", "rslave", "private"],
        },
        {"destination": "/tmp", "type": "tmpfs", "options": ["size=1m", "noswap", "nodev"]},
    ],
    "hooks": {"poststop": [{"path": "/bin/echo", "args": ["echo"], "timeout": 3}]},
    "linux": {
        "namespaces": [{"type": "mount"}, {"type": "uts"}, {"type": "network", "path": "/x"}],
        "devices": [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 384}],
        "sysctl": {"net.ipv4.ip_forward": "1"},
        "resources": {
            "memory": {"limit": 1000, "swap": 2000},
            "devices": [{"allow": False}, {"allow": True, "type": "c", "major": 1, "access": "r"}],
        },
    },
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the plain document with one field set; numbers in the path are places in lists."""
    document = copy.deepcopy(PLAIN)
    *above, last = path.split("/")
    place: Any = document
    for name in above:
        place = place[int(name)] if isinstance(place, list) else place.setdefault(name, {})
    place[int(last) if isinstance(place, list) else last] = value
    return document


def parse(document: dict[str, Any]) -> Config:
    """Parse a document as a runtime reads it."""
    return parse_config(json.dumps(document).encode())


def test_a_process_keeps_all_that_was_asked() -> None:
    process = parse(PLAIN).process

    assert process.args == ("/bin/true",)
    assert process.env == ("A=b=c",)
    assert (process.user.uid, process.user.gid, process.user.umask) == (1, 2, 0o77)
    assert process.user.additional_gids == (5, 6)
    assert [(limit.number, limit.soft, limit.hard) for limit in process.rlimits] == [(7, 10, 20)]


@pytest.mark.parametrize(
    ("options", "mapped", "recursive"),
    [(["bind"], False, False), (["bind", "idmap"], True, False), (["rbind", "ridmap"], True, True)],
)
def test_ids_of_a_mount_are_mapped_where_asked(
    options: list[str], mapped: bool, recursive: bool
) -> None:
    ids = parse(changed("mounts/0/options", options)).mounts[0].ids

    assert (ids is not None) == mapped
    assert (ids is not None and ids.recursive) == recursive


def test_processors_are_a_list_of_ranges() -> None:
    affinity = parse(changed("process/execCPUAffinity", {"initial": "0-2,7", "final": ""})).process

    assert affinity.affinity is not None
    assert affinity.affinity.initial == {0, 1, 2, 7}
    assert affinity.affinity.final == frozenset()


def test_options_of_a_bind_are_sorted_into_what_they_are() -> None:
    mount = parse(PLAIN).mounts[0]

    assert mount.bind
    assert mount.recursive
    assert mount.own.set == abi.MOUNT_ATTR_RDONLY
    assert mount.below.set == abi.MOUNT_ATTR_NOSUID
    assert mount.propagation == ((abi.MS_SLAVE, True), (abi.MS_PRIVATE, False))


def test_what_is_no_flag_goes_to_the_filesystem() -> None:
    mount = parse(PLAIN).mounts[1]

    assert mount.data == (("size", "1m"), ("noswap", ""))
    assert mount.own.set == abi.MOUNT_ATTR_NODEV


@pytest.mark.parametrize(
    ("options", "on", "off"),
    [
        (["ro", "rw"], 0, abi.MOUNT_ATTR_RDONLY),
        (["rw", "ro"], abi.MOUNT_ATTR_RDONLY, 0),
        (["noatime"], abi.MOUNT_ATTR_NOATIME, abi.MOUNT_ATTR_ATIME_MASK & ~abi.MOUNT_ATTR_NOATIME),
        (["relatime"], 0, abi.MOUNT_ATTR_ATIME_MASK),
    ],
)
def test_the_last_of_contrary_options_counts(options: list[str], on: int, off: int) -> None:
    own = parse(changed("mounts/1/options", options)).mounts[1].own

    assert own.set == on
    assert own.clear & ~own.set == off


def test_a_time_of_access_is_cleared_before_it_is_set() -> None:
    """Without the whole mask among the cleared, mount_setattr(2) answers EINVAL."""
    own = parse(changed("mounts/1/options", ["strictatime"])).mounts[1].own

    assert own.clear & abi.MOUNT_ATTR_ATIME_MASK == abi.MOUNT_ATTR_ATIME_MASK


def test_rules_of_devices_keep_their_order() -> None:
    assert parse(PLAIN).linux.resources.devices == (
        DeviceRule(allow=False, kind="a", major=None, minor=None, access="rwm"),
        DeviceRule(allow=True, kind="c", major=1, minor=None, access="r"),
    )


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("ociVersion", "2.0.0", "ociVersion"),
        ("ociVersion", "new", "ociVersion"),
        ("root", None, "root"),
        ("root/path", "", "root.path"),
        ("hostname", 7, "hostname"),
        ("hostname", "x" * 65, "hostname"),
        ("process", None, "process"),
        ("process/args", [], "process.args"),
        ("process/args", ["a", 1], "process.args[1]"),
        ("process/args", ["a\0b"], "process.args[0]"),
        ("process/cwd", "here", "process.cwd"),
        ("process/env", ["A=1", "B"], "process.env[1]"),
        ("process/user/uid", -1, "process.user.uid"),
        ("process/user/umask", 512, "process.user.umask"),
        ("process/terminal", "yes", "process.terminal"),
        ("process/oomScoreAdj", 1001, "process.oomScoreAdj"),
        ("process/rlimits/0/type", "RLIMIT_LUNCH", "process.rlimits[0].type"),
        ("process/rlimits/0/soft", 21, "process.rlimits[0].soft"),
        ("process/rlimits/0/hard", True, "process.rlimits[0].hard"),
        ("process/capabilities/permitted", ["KILL"], "process.capabilities.permitted[0]"),
        ("process/capabilities/effective", ["CAP_CHOWN"], "process.capabilities.effective"),
        ("process/capabilities/ambient", ["CAP_KILL"], "process.capabilities.ambient"),
        ("process/scheduler", {"nice": 1}, "process.scheduler.policy"),
        ("process/scheduler", {"policy": "SCHED_FAIR"}, "process.scheduler.policy"),
        ("process/scheduler", {"policy": "SCHED_FIFO"}, "process.scheduler.priority"),
        (
            "process/scheduler",
            {"policy": "SCHED_OTHER", "priority": 1},
            "process.scheduler.priority",
        ),
        (
            "process/scheduler",
            {"policy": "SCHED_BATCH", "runtime": 1},
            "process.scheduler.runtime",
        ),
        (
            "process/scheduler",
            {"policy": "SCHED_IDLE", "flags": ["SCHED_FLAG_FAST"]},
            "process.scheduler.flags[0]",
        ),
        ("process/ioPriority", {"priority": 1}, "process.ioPriority.class"),
        (
            "process/ioPriority",
            {"class": "IOPRIO_CLASS_BE", "priority": 8},
            "process.ioPriority.priority",
        ),
        ("process/execCPUAffinity", {"initial": "0-"}, "process.execCPUAffinity.initial"),
        ("process/execCPUAffinity", {"final": "3-1"}, "process.execCPUAffinity.final"),
        ("mounts/0/source", "", "mounts[0].source"),
        ("mounts/0/options", ["bind", "size=1"], "mounts[0].options"),
        ("mounts/1/options", ["nodev", "remount"], "mounts[1].options[1]"),
        ("mounts/1/options", ["idmap"], "mounts[1].options"),
        ("mounts/0/options", ["bind", "tmpcopyup"], "mounts[0].options"),
        ("mounts/0/gidMappings", MAPPING, "mounts[0].uidMappings"),
        ("mounts/1/uidMappings", MAPPING, "mounts[1].uidMappings"),
        ("mounts/1/type", "", "mounts[1].type"),
        ("hooks/poststop/0/path", "echo", "hooks.poststop[0].path"),
        ("hooks/poststop/0/timeout", 0, "hooks.poststop[0].timeout"),
        ("linux/namespaces/0/type", "mnt", "linux.namespaces[0].type"),
        ("linux/namespaces/1/type", "mount", "linux.namespaces[1].type"),
        ("linux/namespaces/2/path", "x", "linux.namespaces[2].path"),
        ("linux/namespaces", [], "linux.namespaces"),
        ("linux/uidMappings", [{"containerID": 0, "hostID": 1, "size": 1}], "linux.uidMappings"),
        ("linux/devices/0/path", "dev", "linux.devices[0].path"),
        ("linux/devices/0/major", None, "linux.devices[0].major"),
        ("linux/sysctl", {"kernel.panic": "1"}, "linux.sysctl.kernel.panic"),
        ("linux/sysctl", {"kernel.shmmax": "1"}, "linux.sysctl.kernel.shmmax"),
        ("linux/sysctl", {"net/../kernel/panic": "1"}, "linux.sysctl.net/../kernel/panic"),
        ("linux/rootfsPropagation", "up", "linux.rootfsPropagation"),
        ("linux/maskedPaths", ["proc"], "linux.maskedPaths[0]"),
        ("linux/timeOffsets", {"monotonic": {"secs": 1}}, "linux.timeOffsets"),
        ("linux/resources/memory/swap", 999, "linux.resources.memory.swap"),
        ("linux/resources/pids", {"limit": "9"}, "linux.resources.pids.limit"),
        ("linux/resources/devices/1/access", "rx", "linux.resources.devices[1].access"),
        ("linux/resources/unified", {"a/b.c": "1"}, "linux.resources.unified.a/b.c"),
        ("linux/seccomp", {"defaultAction": "SCMP_ACT_MAYBE"}, "linux.seccomp.defaultAction"),
        ("linux/seccomp", {"defaultAction": "SCMP_ACT_NOTIFY"}, "linux.seccomp.defaultAction"),
    ],
)
def test_an_error_names_the_field(path: str, value: Any, field: str) -> None:
    with pytest.raises(InvalidSpec) as raised:
        parse(changed(path, value))

    assert raised.value.field == field


def test_a_host_name_needs_a_namespace_of_its_own() -> None:
    with pytest.raises(InvalidSpec, match="uts namespace"):
        parse(changed("linux/namespaces", [{"type": "mount"}, {"type": "network"}]))


@pytest.mark.parametrize("pattern", sorted(REFUSED))
def test_what_would_be_ignored_is_refused(pattern: str) -> None:
    document = copy.deepcopy(PLAIN)
    place: Any = document
    *above, last = pattern.split(".")
    for name in above:
        plain = name.removesuffix("[]")
        if name.endswith("[]"):
            place = place.setdefault(plain, [{}])[0]
        else:
            place = place.setdefault(plain, {})
    place[last] = "something"

    with pytest.raises(InvalidSpec) as raised:
        parse(document)

    assert raised.value.field == pattern.replace("[]", "[0]")
    assert raised.value.reason == REFUSED[pattern]


def test_what_is_refused_may_be_there_and_say_nothing() -> None:
    document = changed("process/apparmorProfile", "")
    document["linux"]["resources"]["memory"]["useHierarchy"] = True
    document["linux"]["intelRdt"] = None

    assert parse(document) == parse(PLAIN)


def test_fields_of_later_versions_are_no_error() -> None:
    """config.md, "Extensibility": unknown properties must not be an error."""
    assert parse(changed("linux/notYetInvented", {"a": 1})) == parse(PLAIN)


def full() -> dict[str, Any]:
    """Return a document with every kept field."""
    document = copy.deepcopy(PLAIN)
    hook = {"path": "/bin/echo", "args": ["echo"], "env": ["A=1"], "timeout": 3}
    rates = ("ReadBps", "WriteBps", "ReadIOPS", "WriteIOPS")
    rate = {"major": 8, "minor": 0, "rate": 9}
    document["mounts"][0] |= {"uidMappings": MAPPING, "gidMappings": MAPPING}
    document["domainname"] = "example"
    document["annotations"] = {"name": "value"}
    document["hooks"] = {name: [hook] for name in HOOKS}
    document["process"] |= {
        "terminal": True,
        "consoleSize": {"height": 24, "width": 80},
        "noNewPrivileges": True,
        "oomScoreAdj": 7,
        "scheduler": {
            "policy": "SCHED_OTHER",
            "nice": 5,
            "priority": 0,
            "flags": ["SCHED_FLAG_RESET_ON_FORK"],
            **dict.fromkeys(("runtime", "deadline", "period"), 0),
        },
        "ioPriority": {"class": "IOPRIO_CLASS_IDLE", "priority": 1},
        "execCPUAffinity": {"initial": "0-1,3", "final": "0"},
        "capabilities": {name: ["CAP_KILL"] for name in SETS},
    }
    document["linux"] |= {
        "namespaces": [{"type": kind} for kind in NAMESPACES],
        "uidMappings": MAPPING,
        "gidMappings": MAPPING,
        "timeOffsets": {name: {"secs": 1, "nanosecs": 2} for name in ("monotonic", "boottime")},
        "cgroupsPath": "/box",
        "rootfsPropagation": "rslave",
        "maskedPaths": ["/proc/kcore"],
        "readonlyPaths": ["/proc/sys"],
        "personality": {"domain": "LINUX32"},
        "seccomp": {
            "defaultAction": "SCMP_ACT_ERRNO",
            "defaultErrnoRet": 38,
            "architectures": ["SCMP_ARCH_X86_64"],
            "flags": ["SECCOMP_FILTER_FLAG_LOG"],
            "syscalls": [
                {
                    "names": ["read"],
                    "action": "SCMP_ACT_ERRNO",
                    "errnoRet": 2,
                    "args": [{"index": 0, "value": 1, "valueTwo": 2, "op": "SCMP_CMP_EQ"}],
                }
            ],
        },
    }
    document["linux"]["namespaces"][0]["path"] = "/proc/1/ns/pid"
    document["linux"]["devices"][0] |= {"uid": 1, "gid": 2}
    document["linux"]["resources"] |= {
        "devices": [{"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"}],
        "pids": {"limit": 9},
        "cpu": dict.fromkeys(("shares", "quota", "burst", "period"), 10_000)
        | {"realtimeRuntime": 1, "realtimePeriod": 2, "cpus": "0", "mems": "0", "idle": 1},
        "blockIO": {f"throttle{kind}Device": [rate] for kind in rates}
        | {"weight": 10, "weightDevice": [{"major": 8, "minor": 0, "weight": 10}]},
        "hugepageLimits": [{"pageSize": "2MB", "limit": 0}],
        "unified": {"memory.high": "1"},
    }
    document["linux"]["resources"]["memory"] |= {
        "reservation": 1,
        "swappiness": 2,
        "disableOOMKiller": True,
        "checkBeforeUpdate": True,
    }
    unshared: dict[str, Any] = json.loads(json.dumps(document))
    return unshared


Place = tuple[str | int, ...]


def places(document: Any, pattern: str = "", keys: Place = ()) -> Iterator[tuple[str, Place]]:
    """Yield (pattern as in the tables, keys that lead there) of every value in a document."""
    if isinstance(document, dict):
        for name, inner in document.items():
            general = "*" if pattern in FREE_NAMES else name
            below = f"{pattern}.{general}" if pattern else general
            yield below, (*keys, name)
            yield from places(inner, below, (*keys, name))
    elif isinstance(document, list):
        for number, inner in enumerate(document):
            yield f"{pattern}[]", (*keys, number)
            yield from places(inner, f"{pattern}[]", (*keys, number))


def dotted(keys: Place) -> str:
    """Return the path as errors name it."""
    parts = (f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return "".join(parts).removeprefix(".")


def test_the_tables_know_exactly_the_fields_of_a_full_document() -> None:
    assert parse(full()).process.terminal
    assert {pattern for pattern, _keys in places(full())} == KEPT
    assert KEPT & REFUSED.keys() == set()


@pytest.mark.parametrize("keys", [keys for _pattern, keys in places(full())], ids=dotted)
def test_no_kept_field_is_ignored(keys: Place) -> None:
    """No field is a fraction, so one is noticed wherever a field is read."""
    document = full()
    place: Any = document
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = 1.5

    with pytest.raises(InvalidSpec) as raised:
        parse(document)

    assert raised.value.field == dotted(keys)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidSpec) as raised:
        parse_config(data)

    assert raised.value.field == "config.json"
