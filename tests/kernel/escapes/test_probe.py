"""A few hundred hostile acts, tried in a default container and in such as lack a guard.

What an act is, and when it counts as open, stands in probe/probe.h; docs/develop/escapes.md has the
acts that are open on purpose.
"""

from __future__ import annotations

import platform
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from runtime.abi import MOUNT_ATTR_RDONLY
from runtime.isolation.plan import LaunchPlan
from runtime.oci.bundle import DEFAULT_CAPABILITIES
from tests.architecture import tree
from tests.kernel.escapes.programs import (
    Verdicts,
    lower,
    most_privileged,
    opened,
    parse,
    probe,
)
from tests.kernel.lab import Lab
from tests.kernel.runtimes import Runtime

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="machine code of x86-64"),
]

Programs = Callable[[str], Path]

ON_PURPOSE = {"ptrace: its own process"}
"""Debuggers need it; it reaches no process but those of the container."""
MOST_OPEN, FEWEST_ACTS, FEWEST_SEEN = 3, 120, 40


@pytest.fixture(scope="module")
def program(programs: Programs) -> Path:
    return programs("probe")


@pytest.fixture(scope="module")
def by_default(lab: Lab, program: Path) -> Verdicts:
    """What a default container answers to each act."""
    return probe(lab, program)


def test_a_default_container_refuses_all_but_what_is_open_on_purpose(by_default: Verdicts) -> None:
    assert len(by_default) >= FEWEST_ACTS
    assert len(ON_PURPOSE) <= MOST_OPEN
    assert opened(by_default) <= ON_PURPOSE


def test_a_process_that_joins_is_refused_the_same(
    lab: Lab, program: Path, by_default: Verdicts
) -> None:
    with lab.box("/bin/sleep", "600", lower=lower(program, lab)) as box:
        code, text = box.join("/probe")

    assert code == 0
    assert opened(parse(text)) <= ON_PURPOSE
    assert set(parse(text)) == set(by_default)


def test_a_user_of_the_image_is_refused_at_least_the_same(lab: Lab, program: Path) -> None:
    assert opened(probe(lab, program, user="alice")) <= ON_PURPOSE


def test_the_probe_sees_what_is_open(runtime: Runtime, program: Path) -> None:
    """Of a bundle that asks for all, so that the silence of a default container means something."""
    bundle = runtime.bundle("/probe", **most_privileged())
    shutil.copy(program, bundle / "rootfs/probe")

    told = parse(runtime.run(bundle).out)

    assert len(opened(told)) >= FEWEST_SEEN, told


@dataclass(frozen=True, slots=True, kw_only=True)
class Without:
    """A container that lacks guards: the acts that are `open` then, and some that are `held` yet.

    `options` are fields of the bundle; `alter` takes out of the plan what no field can.
    """

    guard: str
    open: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()
    options: dict[str, Any] = field(default_factory=dict)
    alter: Callable[[LaunchPlan], LaunchPlan] | None = None

    def __str__(self) -> str:
        return self.guard


def with_capability(name: str) -> dict[str, Any]:
    """Return the default capabilities and one more."""
    return {"capabilities": (*DEFAULT_CAPABILITIES, name)}


def with_writable_sysfs(plan: LaunchPlan) -> LaunchPlan:
    """Return a plan whose /sys can be written."""
    return replace(
        plan,
        filesystems=tuple(
            replace(one, attributes=one.attributes & ~MOUNT_ATTR_RDONLY)
            if one.target == "sys"
            else one
            for one in plan.filesystems
        ),
    )


STEERS_THE_HOST = frozenset({"/proc/sys/kernel/core_pattern", "/proc/sys/vm/overcommit_memory"})
FORWARDING = "/proc/sys/net/ipv4/ip_forward"
STEERS_BY_SYSFS = frozenset({"/sys/module/*/parameters", "/sys/class/net/lo/mtu"})
GUARDS = (
    Without(
        guard="the filter of system calls",
        options={"seccomp": "unconfined"},
        open=frozenset(
            {
                *("no filter of system calls", "unshare: user", "clone: user", "clone3: user"),
                *("unshare: user by int 0x80", "keyctl", "keyctl by int 0x80", "add_key"),
                *("io_uring_enter", "io_uring_register", "personality: executable data"),
                *("socket: alg", "socket: vsock", "socket: vsock by int 0x80", "socket: tipc"),
                *("socketcall: vsock by int 0x80", "ioctl: TIOCLINUX", "process_madvise"),
                *("unshare: user, then mount and cgroup", "ioctl: TIOCSTI by int 0x80"),
            }
        ),
        held=frozenset({"mount: tmpfs", "unshare: mount", "fsopen", "reboot", "init_module"}),
    ),
    Without(
        guard="no new privileges",
        options={"no_new_privileges": False},
        open=frozenset({"new privileges by execve"}),
    ),
    Without(
        guard="no CAP_NET_RAW",
        options=with_capability("CAP_NET_RAW"),
        open=frozenset({"socket: raw ICMP", "socket: raw IP", "socket: packets, raw"}),
        held=frozenset({"socket: netlink netfilter", "ioctl: set up a network interface"}),
    ),
    Without(
        guard="no CAP_NET_ADMIN",
        options=with_capability("CAP_NET_ADMIN"),
        open=frozenset({"ioctl: set up a network interface", "bounding set: CAP_NET_ADMIN"}),
        held=frozenset({"setsockopt: SO_RCVBUFFORCE", "socket: vsock", FORWARDING}),
    ),
    Without(
        guard="no CAP_SYS_ADMIN",
        options=with_capability("CAP_SYS_ADMIN"),
        open=frozenset({"sethostname", "unshare: mount", "unshare: user", "setns: ipc"}),
        held=frozenset(
            {
                *("mount: tmpfs", "mount: proc without its covers", "umount2", "fsopen"),
                *("mount: /sys writable again", "swapon by int 0x80", "setxattr: trusted.overlay"),
            }
        ),
    ),
    Without(
        guard="no CAP_MKNOD",
        options=with_capability("CAP_MKNOD"),
        open=frozenset({"bounding set: CAP_MKNOD"}),
        held=frozenset({"device: memory", "device: null, made by itself", "device: loop"}),
    ),
    Without(
        guard="masked paths",
        options={"masked_paths": ()},
        open=frozenset({"reads /proc/interrupts"}),
        held=frozenset({"reads /proc/kcore", "reads /proc/timer_list"}),
    ),
    Without(
        guard="read-only paths",
        options={"readonly_paths": ()},
        held=STEERS_THE_HOST | {FORWARDING},
    ),
    Without(
        guard="read-only paths and no CAP_NET_ADMIN",
        options={"readonly_paths": (), **with_capability("CAP_NET_ADMIN")},
        open=frozenset({FORWARDING}),
        held=STEERS_THE_HOST,
    ),
    Without(
        guard="read-only paths and ids of its own",
        options={"readonly_paths": (), "id_base": 0},
        open=STEERS_THE_HOST,
    ),
    Without(
        guard="a read-only sysfs",
        alter=with_writable_sysfs,
        held=STEERS_BY_SYSFS,
    ),
    Without(
        guard="a read-only sysfs and ids of its own",
        options={"id_base": 0},
        alter=with_writable_sysfs,
        open=STEERS_BY_SYSFS,
    ),
)


@pytest.mark.parametrize("without", GUARDS, ids=str)
def test_acts_are_open_as_soon_as_their_guard_is_gone(
    lab: Lab, program: Path, by_default: Verdicts, without: Without
) -> None:
    bundle = lab.bundle("/probe", lower=lower(program, lab), **without.options)
    box = lab.launch(bundle, alter=without.alter)
    try:
        code, text = lab.finish(box)
    finally:
        box.close()
    told = parse(text)

    assert code == 0
    assert {act: told[act] for act in without.open - opened(told)} == {}
    assert opened(told) & without.held == set()
    assert opened(by_default) & (without.open | without.held) == set()


def test_what_is_open_on_purpose_stands_in_the_docs() -> None:
    page = (tree.ROOT / "docs/develop/escapes.md").read_text()
    section = page.partition("## Open on purpose")[2].partition("\n## ")[0]

    assert set(re.findall(r"^\| `([^`]+)`", section, re.MULTILINE)) == ON_PURPOSE
