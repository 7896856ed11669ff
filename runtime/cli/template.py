"""Write a config.json to begin with: the spec of a container with a shell and the usual guards."""

from __future__ import annotations

import json
import os
import posixpath
from typing import Any

from runtime.cli.arguments import Words
from runtime.errors import Conflict
from runtime.oci.bundle import MASKED_PATHS, READONLY_PATHS
from runtime.oci.version import SPEC_VERSION

_CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
_NAMESPACES = ("pid", "network", "ipc", "uts", "mount", "cgroup")
_MOUNTS = (
    ("/proc", "proc", ("nosuid", "noexec", "nodev")),
    ("/dev", "tmpfs", ("nosuid", "strictatime", "mode=755", "size=65536k")),
    (
        "/dev/pts",
        "devpts",
        ("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
    ),
    ("/dev/shm", "tmpfs", ("nosuid", "noexec", "nodev", "mode=1777", "size=65536k")),  # noqa: S108
    ("/dev/mqueue", "mqueue", ("nosuid", "noexec", "nodev")),
    ("/sys", "sysfs", ("nosuid", "noexec", "nodev", "ro")),
    ("/sys/fs/cgroup", "cgroup", ("nosuid", "noexec", "nodev", "relatime", "ro")),
)


def command(words: Words) -> int:
    """Write config.json into the bundle. Raises Conflict where one is there."""
    path = posixpath.join(words.last("--bundle", "."), "config.json")
    try:
        with open(path, "x", encoding="utf-8") as file:
            json.dump(template(rootless=words.is_on("--rootless")), file, indent="\t")
            file.write("\n")
    except FileExistsError:
        raise Conflict(f"{path} exists already: remove it first") from None
    return 0


def template(*, rootless: bool = False) -> dict[str, Any]:
    """Return the document; `rootless` maps the caller to root of a new user namespace."""
    linux: dict[str, Any] = {
        "resources": {"devices": [{"allow": False, "access": "rwm"}]},
        "namespaces": [{"type": kind} for kind in _NAMESPACES],
        "maskedPaths": list(MASKED_PATHS),
        "readonlyPaths": list(READONLY_PATHS),
    }
    if rootless:
        linux["namespaces"].append({"type": "user"})
        linux["uidMappings"] = [{"containerID": 0, "hostID": os.geteuid(), "size": 1}]
        linux["gidMappings"] = [{"containerID": 0, "hostID": os.getegid(), "size": 1}]
    return {
        "ociVersion": SPEC_VERSION,
        "process": {
            "terminal": True,
            "user": {"uid": 0, "gid": 0},
            "args": ["sh"],
            "env": [
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "TERM=xterm",
            ],
            "cwd": "/",
            "capabilities": {
                kind: list(_CAPABILITIES) for kind in ("bounding", "effective", "permitted")
            },
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "moorage",
        "mounts": [
            {"destination": where, "type": kind, "source": kind, "options": list(options)}
            for where, kind, options in _MOUNTS
        ],
        "linux": linux,
    }
