"""What a container sees, and what it is refused."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from runtime.isolation.namespaces import make_space
from tests.kernel.lab import ID_BASE, Lab, make_layer

pytestmark = pytest.mark.kernel


def test_root_inside_is_nobody_outside(lab: Lab) -> None:
    with lab.box("/bin/sleep", "60") as box:
        outside = os.stat(f"/proc/{box.launched.pid}").st_uid
        _, inside = box.join("/bin/id", "-u")

    assert outside == ID_BASE
    assert inside == "0\n"


def test_exactly_65536_ids_are_mapped(lab: Lab) -> None:
    assert lab.shell("cat /proc/self/uid_map").split() == ["0", str(ID_BASE), "65536"]
    assert lab.shell("cat /proc/self/gid_map").split() == ["0", str(ID_BASE), "65536"]


def test_it_is_pid_1_and_sees_no_other_process(lab: Lab) -> None:
    assert lab.shell("echo $$; echo /proc/[0-9]*") == "1\n/proc/1"


def test_it_has_its_own_hostname(lab: Lab) -> None:
    before = os.uname().nodename

    assert lab.shell("hostname", hostname="harbour") == "harbour"
    assert os.uname().nodename == before


def test_files_of_the_image_keep_their_owners(lab: Lab) -> None:
    assert lab.shell("stat -c %u:%g /bin/busybox /home/alice") == "0:0\n1000:1000"


def test_what_it_writes_lands_in_the_upper_directory_with_the_ids_of_the_image(lab: Lab) -> None:
    bundle = lab.bundle("/bin/sh", "-c", "echo hi > /root/note; chown 33:33 /root/note")
    box = lab.launch(bundle)
    lab.finish(box)
    box.close()

    note = os.stat(f"{bundle.state_dir}/upper/root/note")
    assert (note.st_uid, note.st_gid) == (33, 33)
    assert not os.path.exists(lab.layer / "root/note")


def test_loopback_is_up_and_is_the_only_link(lab: Lab) -> None:
    assert lab.shell("ls /sys/class/net; cat /sys/class/net/lo/flags") == "lo\n0x9"


def test_every_group_may_ping(lab: Lab) -> None:
    assert lab.shell("cat /proc/sys/net/ipv4/ping_group_range").split() == ["0", "65535"]


def test_only_stdio_is_open(lab: Lab) -> None:
    """The fourth is the directory that the shell's glob itself holds open."""
    assert lab.shell("for f in /proc/self/fd/*; do echo $f; done").split("\n") == [
        f"/proc/self/fd/{number}" for number in range(4)
    ]


def test_its_streams_can_be_opened_again_by_name_by_any_user(lab: Lab) -> None:
    for user in ("", "alice"):
        assert lab.shell("echo out > /dev/stdout; echo err > /dev/stderr", user=user) == "out\nerr"


def test_every_signal_has_its_default_action(lab: Lab) -> None:
    _, status = lab.run("/bin/grep", "-E", "Sig(Ign|Blk|Cgt)", "/proc/self/status")

    assert [line.split()[1] for line in status.splitlines()] == ["0" * 16] * 3


def test_privileges_are_the_default_ones(lab: Lab) -> None:
    status = dict(
        line.split(":\t", 1)
        for line in lab.shell("cat /proc/1/status").splitlines()
        if ":\t" in line
    )

    assert status["CapEff"] == status["CapPrm"] == "00000000a00405fb"
    assert status["CapBnd"] == "00000000a00425fb"
    assert status["CapInh"] == status["CapAmb"] == "0" * 16
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"


def test_a_user_of_the_image_has_its_groups_home_and_no_capability(lab: Lab) -> None:
    text = lab.shell("id; echo $HOME; grep -E 'Cap(Eff|Prm)' /proc/self/status", user="alice")

    assert text.splitlines() == [
        "uid=1000(alice) gid=1000(alice) groups=33(web),1000(alice)",
        "/home/alice",
        "CapPrm:\t0000000000000000",
        "CapEff:\t0000000000000000",
    ]


@pytest.mark.parametrize(
    "path", ["/proc/keys", "/proc/timer_list", "/proc/interrupts", "/proc/kcore"]
)
def test_a_masked_file_reads_as_empty(lab: Lab, path: str) -> None:
    assert lab.shell(f"test -e {path} && wc -c < {path} || echo 0") == "0"


@pytest.mark.parametrize("path", ["/sys/firmware", "/proc/acpi", "/proc/scsi"])
def test_a_masked_directory_is_empty(lab: Lab, path: str) -> None:
    assert lab.shell(f"test -d {path} && ls -A {path} | wc -l || echo 0") == "0"


@pytest.mark.parametrize(
    ("script", "refusal"),
    [
        ("mount -t tmpfs none /tmp", "permission denied"),
        ("mount -o bind /bin /tmp", "permission denied"),
        ("mount -o remount,rw /sys", "permission denied"),
        ("umount /proc/keys", "not permitted"),
        ("umount /proc/sys", "not permitted"),
        ("mknod /tmp/node c 1 3", "not permitted"),
        ("mknod /tmp/disk b 254 0", "not permitted"),
        ("unshare -U true", "not permitted"),
        ("unshare -m true", "not permitted"),
        ("hostname other", "not permitted"),
        ("echo 1 > /proc/sys/net/ipv4/ip_forward", "read-only"),
        ("echo x > /proc/irq/default_smp_affinity", "read-only"),
        ("echo x > /sys/kernel/uevent_helper", "read-only"),
        ("mkdir /sys/fs/cgroup/x", "read-only"),
        ("mkdir /sys/fs/cgroup/memory/x", "read-only|no such"),
        ("echo 0 > /proc/1/oom_score_adj; echo -5 > /proc/1/oom_score_adj", "denied|error"),
        ("date -s 2001-01-01", "not permitted"),
        ("chroot /tmp /proc/self/exe; swapon /tmp", "not permitted|denied|no such"),
        ("dmesg -n 1", "not permitted"),
        ("ip link add name d0 type dummy", "not permitted"),
    ],
)
def test_what_only_the_host_may_do_is_refused(lab: Lab, script: str, refusal: str) -> None:
    text = lab.shell(f"({script}) 2>&1").lower()

    assert any(word in text for word in refusal.split("|")), text


def test_dev_has_the_usual_nodes_and_nothing_of_the_host(lab: Lab) -> None:
    names = lab.shell("ls /dev").split()

    assert names == sorted(
        [
            "fd",
            "full",
            "mqueue",
            "null",
            "ptmx",
            "pts",
            "random",
            "shm",
            "stderr",
            "stdin",
            "stdout",
            "tty",
            "urandom",
            "zero",
        ]
    )
    assert (
        lab.shell("head -c 4 /dev/zero | wc -c; echo x > /dev/null; head -c 2 /dev/urandom | wc -c")
        == "4\n2"
    )


def test_the_cgroup_view_ends_at_the_container(lab: Lab) -> None:
    assert (
        lab.shell("cat /proc/self/cgroup | grep -E ':(memory|pids)?:' | cut -d: -f3 | sort -u")
        == "/"
    )


def test_a_read_only_root_refuses_writes_but_dev_shm_does_not(lab: Lab) -> None:
    text = lab.shell("touch /x 2>&1; touch /dev/shm/y && echo ok", read_only=True)

    assert text.splitlines() == ["touch: /x: Read-only file system", "ok"]


def test_a_missing_working_directory_is_made_inside(lab: Lab) -> None:
    assert lab.shell("pwd; stat -c %u .", cwd="/srv/app/data", user="") == "/srv/app/data\n0"


def test_uts_and_ipc_are_fresh_and_net_is_kept_over_a_restart(lab: Lab) -> None:
    space = make_space(ID_BASE)
    assert space.uts is not None
    assert space.ipc is not None
    kept = os.dup(space.user), os.dup(space.net)
    held = os.dup(space.uts), os.dup(space.ipc)  # else the new ones get the same numbers
    first = lab.launch(lab.bundle("/bin/sh", "-c", _NAMESPACES), space=space)
    _, before = lab.finish(first)
    first.close()

    second = lab.launch(lab.bundle("/bin/sh", "-c", _NAMESPACES), space=type(space)(ID_BASE, *kept))
    _, after = lab.finish(second)
    second.close()
    for descriptor in held:
        os.close(descriptor)

    names_before, names_after = before.split(), after.split()
    assert names_before[:2] == names_after[:2]
    assert names_before[2] != names_after[2]
    assert names_before[3] != names_after[3]


def test_the_environment_is_what_was_given_with_path_and_home_filled_in(lab: Lab) -> None:
    text = lab.run("/bin/env", env=(("GREETING", "ahoy"),))[1]

    assert sorted(text.split()) == [
        "GREETING=ahoy",
        "HOME=/root",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ]


def test_it_finds_its_own_name_and_localhost(lab: Lab) -> None:
    script = "cat /etc/hostname; grep -c harbour /etc/hosts; ping -c 1 harbour 2>&1 | head -1"
    text = lab.shell(script, hostname="harbour")

    assert text.splitlines()[:2] == ["harbour", "1"]
    assert "127.0.1.1" in text


def test_its_name_files_are_its_own_to_write_and_no_part_of_the_changes(lab: Lab) -> None:
    bundle = lab.bundle(
        "/bin/sh", "-c", "echo 10.0.0.1 gate >> /etc/hosts; grep -c gate /etc/hosts"
    )
    box = lab.launch(bundle)
    _, text = lab.finish(box)
    box.close()

    assert text == "1\n"
    assert os.path.getsize(f"{bundle.state_dir}/upper/etc/hosts") == 0


def test_a_place_for_names_that_leads_out_is_left_alone(lab: Lab, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "hosts").write_text("untouched")
    layer = make_layer(tmp_path / "layer")
    shutil.rmtree(layer / "etc")
    (layer / "etc").symlink_to(victim)
    inner = make_layer(tmp_path / "inner")
    (inner / "etc/hosts").symlink_to(victim / "hosts")
    (inner / "etc/hostname").mkdir()

    for tree in (layer, inner):
        assert lab.run("/bin/echo", "runs", lower=(str(tree),)) == (0, "runs\n")

    assert [entry.name for entry in victim.iterdir()] == ["hosts"]
    assert (victim / "hosts").read_text() == "untouched"


def test_layers_lie_over_each_other_topmost_first(lab: Lab, tmp_path: Path) -> None:
    top = tmp_path / "top"
    (top / "etc").mkdir(parents=True)
    (top / "etc/motd").write_text("from the top")
    (top / "etc/passwd").write_text("root:x:0:0:captain:/bridge:/bin/sh\n")

    text = lab.shell("cat /etc/motd; echo; echo $HOME", lower=(str(top), str(lab.layer)))

    assert text == "from the top\n/bridge"


def test_nothing_of_the_container_shows_in_the_mounts_of_the_host(lab: Lab) -> None:
    with open("/proc/self/mountinfo") as mounts:
        before = mounts.read()
    with lab.box("/bin/sleep", "60"), open("/proc/self/mountinfo") as mounts:
        assert mounts.read() == before


_NAMESPACES = "for kind in user net uts ipc; do readlink /proc/self/ns/$kind; done"


def test_umask_and_groups_hold_for_the_command_and_for_what_joins(lab: Lab) -> None:
    asked = {"umask": 0o027, "groups": ("web", "44")}
    with lab.box("/bin/sh", "-c", "umask; id -G; exec sleep 60", **asked) as box:
        code, joined = box.join("/bin/sh", "-c", "umask; id -G", **asked)
        first = ""
        while first.count("\n") < 2:
            first += os.read(box.output, 4096).decode()

    assert (code, first.split()) == (0, ["0027", "0", "33", "44"])
    assert joined == first


def test_names_are_what_was_asked_for(lab: Lab) -> None:
    told = lab.shell(
        "cat /proc/sys/kernel/domainname; tail -2 /etc/hosts; cat /etc/resolv.conf",
        domainname="example.org",
        hosts=("db:10.0.0.1",),
        resolver=("nameserver 1.1.1.1", "options rotate"),
    )

    assert told.splitlines() == [
        "example.org",
        "127.0.1.1\tbox.example.org box",
        "10.0.0.1\tdb",
        "nameserver 1.1.1.1",
        "options rotate",
    ]


def test_many_hosts_have_room(lab: Lab) -> None:
    hosts = tuple(f"h{number}.{'x' * 200}:10.0.0.1" for number in range(1000))

    assert lab.shell("grep -c 10.0.0.1 /etc/hosts", hosts=hosts) == "1000"
