"""What a container shares with the host, and what a privileged one has."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from runtime.abi import CAPABILITIES
from runtime.isolation import node
from runtime.isolation.capabilities import mask
from runtime.kernel import caps
from runtime.oci.bundle import Resources
from tests.kernel.lab import Lab

pytestmark = pytest.mark.kernel

FILES = {
    "pid": "pid",
    "ipc": "ipc",
    "uts": "uts",
    "network": "net",
    "cgroup": "cgroup",
    "user": "user",
}


def sharing(*kinds: str) -> dict[str, Any]:
    """Return what a bundle has that shares kinds of namespaces."""
    return {"host_namespaces": kinds} | ({"id_base": 0} if "user" in kinds else {})


@pytest.mark.parametrize("kind", FILES)
def test_a_namespace_is_the_host_s_and_all_others_are_not(lab: Lab, kind: str) -> None:
    asked = sharing(kind)
    script = "; ".join(f"readlink /proc/self/ns/{name}" for name in FILES.values())
    host = [os.readlink(f"/proc/self/ns/{name}") for name in FILES.values()]

    first = lab.shell(script, **asked).split()
    assert [one for one in first if one in host] == [host[list(FILES).index(kind)]]
    with lab.box("/bin/sleep", "60", **asked) as box:
        code, text = box.join("/bin/sh", "-c", script, **asked)

    assert code == 0
    assert [one for one in text.split() if one in host] == [host[list(FILES).index(kind)]]


def test_the_name_of_the_host_stays(lab: Lab) -> None:
    fitted = node.fit(lab.bundle("/bin/hostname", **sharing("uts"))).bundle
    box = lab.launch(fitted)
    _, text = lab.finish(box)
    box.close()

    assert text.strip() == os.uname().nodename == fitted.hostname


def test_the_network_is_the_host_s_and_nothing_of_it_is_changed(lab: Lab) -> None:
    pinging = Path("/proc/sys/net/ipv4/ping_group_range")
    before = pinging.read_text()

    assert lab.shell("ls /sys/class/net", **sharing("network")).split() == sorted(
        os.listdir("/sys/class/net")
    )
    assert pinging.read_text() == before
    assert "not permitted" in lab.shell("ip link add name d0 type dummy 2>&1", **sharing("network"))


def test_memory_is_shared_with_the_host(lab: Lab) -> None:
    with tempfile.NamedTemporaryFile(dir="/dev/shm", prefix="moorage-test-") as file:
        file.write(b"from outside")
        file.flush()
        os.fchmod(file.fileno(), 0o644)

        text = lab.shell(f"cat {file.name}; stat -c ' %u' /dev/mqueue", **sharing("ipc"))

    assert text == "from outside 65534"


def test_without_shared_memory_there_is_none(lab: Lab) -> None:
    text = lab.shell("ls -A /dev/shm; touch /dev/shm/x 2>&1", shm_bytes=0)

    assert text == "touch: /dev/shm/x: Read-only file system"


def test_processes_of_the_host_are_seen_but_not_signalled(lab: Lab) -> None:
    own = os.getpid()
    script = f"cat /proc/{own}/comm; kill -0 {own} 2>&1"
    text = lab.shell(script, **sharing("pid"))

    assert text.splitlines()[0] == Path(f"/proc/{own}/comm").read_text().strip()
    assert "not permitted" in text


def test_root_inside_is_root_outside_with_the_usual_powers(lab: Lab) -> None:
    bundle = lab.bundle("/bin/sh", "-c", "touch /x; sleep 60", **sharing("user"))
    box = lab.launch(bundle)
    try:
        _, text = box.join(
            "/bin/sh",
            "-c",
            "cat /proc/self/uid_map; grep CapEff /proc/self/status; mount -t tmpfs x /tmp 2>&1",
            **sharing("user"),
        )
        outside = os.stat(f"/proc/{box.launched.pid}").st_uid
    finally:
        box.close()

    assert outside == 0
    assert text.split()[:3] == ["0", "0", "4294967295"]
    assert "00000000a00405fb" in text
    assert "denied" in text
    assert os.stat(f"{bundle.state_dir}/upper/x").st_uid == 0


def test_a_privileged_container_has_all_that_the_node_has(lab: Lab) -> None:
    script = (
        "grep -E '^(CapEff|Seccomp):' /proc/self/status; mount -t tmpfs x /tmp && echo mounted;"
        " grep -E '^[a-z]+ /sys(/fs/cgroup[^ ]*)? ' /proc/mounts | cut -d' ' -f4 | cut -d, -f1"
        " | sort -u; ls /dev; wc -c < /proc/interrupts"
    )
    wanted = lab.bundle(
        "/bin/sh",
        "-c",
        script,
        **sharing("user"),
        privileged=True,
        seccomp="unconfined",
        capabilities=CAPABILITIES,
        masked_paths=(),
        readonly_paths=(),
        resources=Resources(pids=100, device_rules=((True, "a", None, None, "rwm"),)),
    )
    fitted = node.fit(wanted)
    box = lab.launch(fitted.bundle)
    _, text = lab.finish(box)
    box.close()
    lines = text.splitlines()

    held = caps.capget().permitted & mask(CAPABILITIES)
    assert lines[0].split() == ["CapEff:", f"{held:016x}"]
    assert lines[1].split() == ["Seccomp:", "0"]
    assert lines[2] == "mounted"
    assert lines[3] == "rw"
    assert lines[-1] != "0"
    places = [place for place in Path("/dev").iterdir() if not place.is_symlink()]
    nodes = {one.name for one in places if one.is_char_device() or one.is_block_device()}
    assert nodes - {"console"} <= set(lines)
    assert fitted.notices == ()


def test_a_capability_that_the_node_lacks_is_told_and_left_out(lab: Lab) -> None:
    held = caps.capget().permitted
    lacking = tuple(name for name in CAPABILITIES if not held & mask((name,)))
    asked = ("CAP_CHOWN", *lacking)
    fitted = node.fit(lab.bundle("/bin/true", capabilities=asked, **sharing("user")))

    assert fitted.bundle.capabilities == ("CAP_CHOWN",)
    assert fitted.notices == tuple(f"this node has no {name} to give" for name in lacking)
