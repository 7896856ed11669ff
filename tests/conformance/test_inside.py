"""What a configuration asks for is what the process finds. The same for every runtime."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.runtimes import ID_BASE, Runtime, give_to_root_inside, user_namespace

pytestmark = pytest.mark.kernel

CHOWN, KILL, NET_BIND = 1 << 0, 1 << 5, 1 << 10


def process(**changes: Any) -> dict[str, Any]:
    """Return changes of `process`."""
    return {"process": changes}


def mount(destination: str, kind: str, *options: str, source: str = "") -> dict[str, Any]:
    """Return one of `mounts`."""
    return {
        "destination": destination,
        "type": kind,
        "source": source or kind,
        "options": list(options),
    }


def with_mount(runtime: Runtime, script: str, *more: dict[str, Any], **changes: Any) -> str:
    """Return what a script prints where further mounts are."""
    bundle = runtime.bundle("/bin/sh", "-c", script, **changes)
    config = json.loads((bundle / "config.json").read_text())
    config["mounts"] += list(more)
    (bundle / "config.json").write_text(json.dumps(config))
    return runtime.run(bundle).out.strip()


def test_namespaces_are_new_where_asked_for_and_the_hosts_elsewhere(runtime: Runtime) -> None:
    kinds = ("ipc", "mnt", "net", "pid", "uts")
    script = f"for k in {' '.join(kinds)}; do readlink /proc/self/ns/$k; done"
    host = [os.readlink(f"/proc/self/ns/{kind}") for kind in kinds]

    some = [{"type": kind} for kind in ("mount", "pid", "uts")]
    every = runtime.shell(script).split()
    inside = runtime.shell(script, linux={"namespaces": some}).split()

    assert not set(every) & set(host)
    assert (inside[0], inside[2]) == (host[0], host[2])
    assert not {inside[1], inside[3], inside[4]} & set(host)


def test_a_namespace_is_joined_by_its_path(runtime: Runtime) -> None:
    holder = subprocess.Popen(["unshare", "-n", "sleep", "1000"])
    try:
        path = f"/proc/{holder.pid}/ns/net"
        kinds = [{"type": kind} for kind in ("pid", "mount", "uts", "ipc")]
        kinds.append({"type": "network", "path": path})
        while os.readlink(path) == os.readlink("/proc/self/ns/net"):
            pass

        told = runtime.shell("readlink /proc/self/ns/net", linux={"namespaces": kinds})

        assert told == os.readlink(path)
    finally:
        holder.kill()
        holder.wait()


def test_a_pid_namespace_is_joined_by_its_path(runtime: Runtime) -> None:
    box = runtime.create(runtime.bundle("/bin/sleep", "1000"))
    path = f"/proc/{runtime.state(box)['pid']}/ns/pid"
    kinds = [{"type": kind} for kind in ("mount", "uts", "ipc", "network")]
    kinds.append({"type": "pid", "path": path})

    told = runtime.shell("readlink /proc/self/ns/pid", linux={"namespaces": kinds})

    assert told == os.readlink(path)


def test_the_host_name_is_set(runtime: Runtime) -> None:
    assert runtime.shell("hostname", hostname="harbour") == "harbour"


def test_user_groups_umask_and_directory(runtime: Runtime) -> None:
    user = {"uid": 1000, "gid": 33, "additionalGids": [44, 55], "umask": 0o27}

    told = runtime.shell("id -u; id -g; id -G; umask; pwd", **process(user=user, cwd="/home/alice"))

    assert told.split("\n") == ["1000", "33", "33 44 55", "0027", "/home/alice"]


def test_a_missing_working_directory_is_made(runtime: Runtime) -> None:
    assert runtime.shell("pwd", **process(cwd="/deep/down")) == "/deep/down"


def test_the_environment_is_as_given(runtime: Runtime) -> None:
    told = runtime.shell("echo $A/$B/$OF_HOST", **process(env=["PATH=/bin", "A=1", "B=x=y"]))

    assert told == "1/x=y/"


def test_capabilities_are_the_five_sets(runtime: Runtime) -> None:
    sets = {
        "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
        "permitted": ["CAP_CHOWN", "CAP_KILL"],
        "effective": ["CAP_CHOWN", "CAP_KILL"],
        "inheritable": ["CAP_KILL"],
        "ambient": ["CAP_KILL"],
    }
    script = "grep ^Cap /proc/self/status"

    told = runtime.shell(script, **process(capabilities=sets, user={"uid": 1000, "gid": 1000}))
    masks = {line.split()[0]: int(line.split()[1], 16) for line in told.splitlines()}

    assert masks == {
        "CapInh:": KILL,
        "CapPrm:": KILL,
        "CapEff:": KILL,
        "CapBnd:": CHOWN | KILL | NET_BIND,
        "CapAmb:": KILL,
    }


@pytest.mark.parametrize("wanted", [True, False])
def test_no_new_privileges(runtime: Runtime, wanted: bool) -> None:
    told = runtime.shell("grep NoNewPrivs /proc/self/status", **process(noNewPrivileges=wanted))

    assert told.split() == ["NoNewPrivs:", str(int(wanted))]


def test_rlimits(runtime: Runtime) -> None:
    limits = [
        {"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200},
        {"type": "RLIMIT_CORE", "soft": 0, "hard": 0},
    ]

    told = runtime.shell("ulimit -Sn; ulimit -Hn; ulimit -c", **process(rlimits=limits))

    assert told.split() == ["100", "200", "0"]


def test_oom_score_adj(runtime: Runtime) -> None:
    assert runtime.shell("cat /proc/self/oom_score_adj", **process(oomScoreAdj=321)) == "321"


@pytest.mark.parametrize("guarded", [True, False])
def test_seccomp_answers_with_the_errno_asked_for(runtime: Runtime, guarded: bool) -> None:
    rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}
    seccomp = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [rule],
    }

    told = runtime.shell(
        "mkdir /new 2>&1; true", linux={"seccomp": seccomp}, **process(noNewPrivileges=guarded)
    )

    assert "No space left" in told


def test_masked_paths_are_empty_and_readonly_ones_refuse(runtime: Runtime) -> None:
    linux = {"maskedPaths": ["/proc/version", "/secret"], "readonlyPaths": ["/proc/sys", "/kept"]}
    script = "wc -c < /proc/version; ls -A /secret; echo x > /kept/new;"
    script += "echo x > /proc/sys/kernel/hostname"
    bundle = runtime.bundle("/bin/sh", "-c", f"exec 2>&1; {script}; true", linux=linux)
    (bundle / "rootfs/secret").mkdir()
    (bundle / "rootfs/secret/file").write_text("hidden")
    (bundle / "rootfs/kept").mkdir()

    lines = runtime.run(bundle).out.splitlines()

    assert lines[0] == "0"
    assert len(lines) == 3
    assert all("Read-only file system" in line for line in lines[1:])


def test_sysctls_of_namespaces(runtime: Runtime) -> None:
    wanted = {"net.ipv4.ip_forward": "1", "kernel.shmmni": "77"}

    told = runtime.shell(
        "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni", linux={"sysctl": wanted}
    )

    assert told.split() == ["1", "77"]


def test_a_read_only_root(runtime: Runtime) -> None:
    told = runtime.shell("touch /new 2>&1; true", root={"path": "rootfs", "readonly": True})

    assert "Read-only file system" in told


def test_a_bind_mount_and_its_options(runtime: Runtime, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("of the host")
    bind = mount("/data", "bind", "rbind", "ro", "noexec", source=str(tmp_path))

    told = with_mount(
        runtime, "cat /data/file; touch /data/new 2>&1; grep /data /proc/mounts", bind
    )

    assert "of the host" in told
    assert "Read-only file system" in told
    assert {"ro", "noexec"} <= set(told.splitlines()[-1].split()[3].split(","))


def test_a_tmpfs_and_its_options(runtime: Runtime) -> None:
    wanted = mount("/scratch", "tmpfs", "nosuid", "size=64k", "mode=1770")

    told = with_mount(runtime, "stat -c %a /scratch; grep /scratch /proc/mounts", wanted)

    assert told.splitlines()[0] == "1770"
    assert {"nosuid", "size=64k"} <= set(told.splitlines()[1].split()[3].split(","))


def test_the_default_devices_and_links_are_there(runtime: Runtime) -> None:
    script = "for d in null zero full random urandom tty; do stat -c '%n %a %t:%T' /dev/$d; done;"
    script += "for l in fd stdin stdout stderr; do readlink /dev/$l; done; echo x > /dev/null"

    lines = runtime.shell(script).splitlines()

    numbers = {"null": "1:3", "zero": "1:5", "full": "1:7", "random": "1:8", "urandom": "1:9"}
    numbers["tty"] = "5:0"
    assert lines[:6] == [f"/dev/{name} 666 {number}" for name, number in numbers.items()]
    assert lines[6:] == ["/proc/self/fd", *(f"/proc/self/fd/{n}" for n in range(3))]


def test_a_device_is_made_as_described(runtime: Runtime) -> None:
    device = {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229}
    device |= {"fileMode": 0o640, "uid": 1000, "gid": 33}

    told = runtime.shell("stat -c '%F %a %t:%T %u:%g' /dev/fuse", linux={"devices": [device]})

    assert told == "character special file 640 a:e5 1000:33"


def test_root_inside_is_somebody_else_outside(runtime: Runtime) -> None:
    script = "id -u; cat /proc/self/uid_map; touch /made; stat -c %u /made"
    bundle = runtime.bundle("/bin/sh", "-c", script, linux=user_namespace())

    told = runtime.run(give_to_root_inside(bundle)).out.split()

    assert told == ["0", "0", str(ID_BASE), "65536", "0"]
    assert (bundle / "rootfs/made").stat().st_uid == ID_BASE


def test_filesystems_belong_to_root_of_the_user_namespace(runtime: Runtime) -> None:
    bundle = runtime.bundle(
        "/bin/sh", "-c", "stat -c %u:%g /scratch; touch /scratch/a", linux=user_namespace()
    )
    config = json.loads((bundle / "config.json").read_text())
    config["mounts"].append(mount("/scratch", "tmpfs", "mode=755"))
    (bundle / "config.json").write_text(json.dumps(config))

    assert runtime.run(give_to_root_inside(bundle)).out.strip() == "0:0"


def test_with_the_capability_a_user_namespace_may_mount(runtime: Runtime) -> None:
    names = ["CAP_SYS_ADMIN"]
    sets = dict.fromkeys(("bounding", "permitted", "effective"), names)
    script = "mount -t tmpfs none /tmp && grep -c ' /tmp ' /proc/mounts; umount /dev 2>&1; true"
    bundle = runtime.bundle(
        "/bin/sh", "-c", script, linux=user_namespace(), **process(capabilities=sets)
    )

    lines = runtime.run(give_to_root_inside(bundle)).out.splitlines()

    assert lines[0] == "1"


def test_limits_of_the_cgroup(runtime: Runtime) -> None:
    resources = {
        "memory": {"limit": 64 << 20},
        "pids": {"limit": 77},
        "cpu": {"quota": 50_000, "period": 100_000},
    }
    bundle = runtime.bundle("/bin/sleep", "1000", linux={"resources": resources})

    box = runtime.create(bundle)
    pid = runtime.state(box)["pid"]
    groups = dict(
        line.split(":", 1)[1].split(":", 1)
        for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    )

    def read(controller: str, file: str) -> str:
        return Path(f"/sys/fs/cgroup/{controller}{groups[controller]}/{file}").read_text().strip()

    assert read("memory", "memory.limit_in_bytes") == str(64 << 20)
    assert read("pids", "pids.max") == "77"
    assert read("cpu", "cpu.cfs_quota_us") == "50000"


def test_devices_that_no_rule_allows_cannot_be_opened(runtime: Runtime) -> None:
    fuse = {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229}
    vcs = {"path": "/dev/vcs", "type": "c", "major": 7, "minor": 0}
    rules = [
        {"allow": False, "access": "rwm"},
        {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw"},
    ]
    linux = {"devices": [fuse, vcs], "resources": {"devices": rules}}

    script = "for d in fuse vcs; do (: < /dev/$d) 2>&1; done; true"
    told = runtime.shell(script, linux=linux)

    assert "vcs: Operation not permitted" in told
    assert "fuse: Operation not permitted" not in told


def test_the_path_of_the_cgroup_is_the_one_given(runtime: Runtime) -> None:
    name = f"moorage-test-{os.getpid()}-{runtime.program}"
    bundle = runtime.bundle("/bin/sleep", "1000", linux={"cgroupsPath": f"/{name}"})

    box = runtime.create(bundle)
    groups = Path(f"/proc/{runtime.state(box)['pid']}/cgroup").read_text()
    runtime("delete", "--force", box)

    assert f":pids:/{name}\n" in groups
    assert not Path(f"/sys/fs/cgroup/pids/{name}").exists()


def test_a_link_in_the_image_leads_no_mount_outside(runtime: Runtime, tmp_path: Path) -> None:
    bundle = runtime.bundle("/bin/true")
    (bundle / "rootfs/out").symlink_to(tmp_path)
    config = json.loads((bundle / "config.json").read_text())
    config["mounts"].append(mount("/out/made", "tmpfs"))
    (bundle / "config.json").write_text(json.dumps(config))

    runtime.run(bundle, check=False)

    assert os.listdir(tmp_path) == []


def test_descriptors_are_not_leaked_and_preserved_ones_are(
    runtime: Runtime, tmp_path: Path
) -> None:
    bundle = runtime.bundle("/bin/sh", "-c", "echo preserved >&3; ls /proc/self/fd")
    words = ("run", "--bundle", str(bundle), "--preserve-fds", "1", runtime.name())
    file = tmp_path / "preserved"
    shell = ["sh", "-c", f'exec "$@" 3>{file} 9</dev/null', "sh", *runtime.command(*words)]

    done = subprocess.run(
        shell, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    )

    assert file.read_text() == "preserved\n"
    # 0 to 3, and the one that ls has of the directory
    assert done.stdout.split() == ["0", "1", "2", "3", "4"]


def test_more_descriptors_may_be_asked_for_than_there_are(runtime: Runtime, tmp_path: Path) -> None:
    bundle = runtime.bundle("/bin/sh", "-c", "echo preserved >&5; ls /proc/self/fd")
    words = ("run", "--bundle", str(bundle), "--preserve-fds", "100", runtime.name())
    file = tmp_path / "preserved"
    shell = ["sh", "-c", f'exec "$@" 5>{file}', "sh", *runtime.command(*words)]

    done = subprocess.run(
        shell, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )

    if runtime.program == "runc":  # which wants all of them to be there
        assert "preserved-fd" in done.stderr
        return
    assert file.read_text() == "preserved\n"
    # stdio and 5, and the one that ls has of the directory
    assert done.stdout.split() == ["0", "1", "2", "3", "5"]


def test_a_tmpfs_may_begin_with_what_it_covers(runtime: Runtime) -> None:
    script = "head -1 /etc/passwd; stat -c '%a %u' /etc/kept; readlink /etc/link; echo > /etc/new"
    bundle = runtime.bundle("/bin/sh", "-c", script)
    (bundle / "rootfs/etc/kept").touch(mode=0o640)
    os.chown(bundle / "rootfs/etc/kept", 1000, 1000)
    (bundle / "rootfs/etc/link").symlink_to("kept")
    config = json.loads((bundle / "config.json").read_text())
    config["mounts"].append(mount("/etc", "tmpfs", "tmpcopyup", "nosuid"))
    (bundle / "config.json").write_text(json.dumps(config))

    told = runtime.run(bundle).out.splitlines()

    assert told == ["root:x:0:0:root:/root:/bin/sh", "640 1000", "kept"]
    assert not (bundle / "rootfs/etc/new").exists()
