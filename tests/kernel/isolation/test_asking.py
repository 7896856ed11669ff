"""What a bundle asks for besides the usual is there inside, and holds for what joins too."""

from __future__ import annotations

import pytest

from runtime.errors import InvalidSpec
from runtime.isolation import capabilities
from runtime.kernel import caps
from tests.kernel.lab import Lab

pytestmark = pytest.mark.kernel

NOFILE, CORE, NPROC = 7, 4, 6
MAY_RAISE = bool(caps.capget().effective >> capabilities.NUMBERS["CAP_SYS_RESOURCE"] & 1)


def test_limits_of_processes_are_what_was_asked_for(lab: Lab) -> None:
    asked = {"rlimits": ((NOFILE, 100, 200), (CORE, 0, 4096), (NPROC, 30, 40))}
    script = "ulimit -Sn; ulimit -Hn; ulimit -Hc; ulimit -Su; ulimit -Hu"

    # A shell counts core files in blocks of 512 bytes.
    told = ["100", "200", "8", "30", "40"]
    assert lab.shell(script).split()[:2] != told[:2]
    assert lab.shell(script, **asked).split() == told
    with lab.box("/bin/sleep", "60") as box:
        assert box.join("/bin/sh", "-c", script, **asked)[1].split() == told


def test_a_personality_is_set_for_the_command(lab: Lab) -> None:
    native = lab.shell("uname -m")

    assert lab.shell("uname -m", personality=8) == native.replace("x86_64", "i686")


def test_who_wants_to_be_killed_first_may(lab: Lab) -> None:
    assert lab.shell("cat /proc/self/oom_score_adj") == "0"
    assert lab.shell("cat /proc/self/oom_score_adj", oom_score_adj=300) == "300"


def test_who_wants_to_be_killed_last_is_refused_where_the_kernel_does(lab: Lab) -> None:
    if MAY_RAISE:
        assert lab.shell("cat /proc/self/oom_score_adj", oom_score_adj=-500) == "-500"
        return
    with pytest.raises(InvalidSpec) as refused:
        lab.run("/bin/true", oom_score_adj=-1000)

    assert refused.value.field == "process.oom_score_adj"
    assert "CAP_SYS_RESOURCE" in refused.value.reason


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("net.ipv4.ip_unprivileged_port_start", "1", "1"),
        ("net.ipv4.ping_group_range", "0 99", "0\t99"),
        ("kernel.shmmax", "65536", "65536"),
        ("fs.mqueue.msg_max", "11", "11"),
        ("kernel.domainname", "example.org", "example.org"),
    ],
)
def test_settings_of_a_namespace_are_its_own(lab: Lab, name: str, value: str, told: str) -> None:
    path = f"/proc/sys/{name.replace('.', '/')}"
    with open(path) as file:
        before = file.read()

    assert lab.shell(f"cat {path}", sysctls=((name, value),)) == told
    with open(path) as file:
        assert file.read() == before


def test_a_setting_that_the_kernel_refuses_is_named(lab: Lab) -> None:
    with pytest.raises(InvalidSpec) as refused:
        lab.run("/bin/true", sysctls=(("net.ipv4.nonesuch", "1"),))

    assert refused.value.field == "namespaces.sysctls.net.ipv4.nonesuch"


def test_filesystems_in_memory_are_attached_inside_with_their_options(lab: Lab) -> None:
    text = lab.shell(
        "grep ' /srv' /proc/mounts | cut -d' ' -f2-4; stat -c %u:%g:%a /srv /srv/in;"
        " touch /srv/x && echo writes; touch /srv/in/x 2>&1",
        tmpfs=(("/srv", ("size=1m", "mode=750")), ("/srv/in", ("ro", "exec", "uid=33"))),
    ).splitlines()

    places = {line.split()[0]: line.split()[2].split(",") for line in text[:2]}
    assert {"rw", "nosuid", "nodev", "noexec", "size=1024k", "mode=750"} <= set(places["/srv"])
    assert {"ro", "nosuid", "nodev"} <= set(places["/srv/in"])
    assert "noexec" not in places["/srv/in"]
    assert text[2:] == [
        "0:0:750",
        "33:0:1777",
        "writes",
        "touch: /srv/in/x: Read-only file system",
    ]


def test_nothing_of_a_filesystem_in_memory_outlives_it(lab: Lab) -> None:
    asked = {"tmpfs": (("/srv/secret", ()),)}
    with lab.box("/bin/sh", "-c", "echo x > /srv/secret/x", **asked) as box:
        lab.finish(box)

    assert not list(lab.directory.glob("state-*/upper/srv/secret/*"))


def test_nothing_is_mounted_inside_of_procfs(lab: Lab) -> None:
    with pytest.raises(InvalidSpec) as refused:
        lab.run("/bin/true", tmpfs=(("/proc/sys", ()),))

    assert refused.value.field == "mounts.target"


def test_what_is_masked_and_read_only_can_be_chosen(lab: Lab) -> None:
    script = "wc -c < /proc/version; cat /proc/interrupts | wc -c"
    masked, interrupts = lab.shell(
        f"({script}) 2>/dev/null", masked_paths=("/proc/version",), readonly_paths=()
    ).split()

    assert masked == "0"
    assert interrupts != "0"
    # Not one that a new network namespace takes over from the host, such as ip_forward.
    setting = "/proc/sys/net/ipv4/ip_default_ttl"
    change = f"echo 65 > {setting}; cat {setting}"
    admin = ("CAP_NET_ADMIN",)
    script = f"({change}) 2>/dev/null"
    assert lab.shell(script, capabilities=admin, readonly_paths=()) == "65"
    assert lab.shell(script, capabilities=admin) == "64"
