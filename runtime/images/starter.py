"""The starter image: a static busybox with its applets, users and nothing else."""

from __future__ import annotations

import io
import json
import os
import subprocess

from runtime.archive.entry import Entry, Kind
from runtime.archive.writer import TarWriter
from runtime.errors import NotFound, Unavailable
from runtime.oci.digest import digest_of
from runtime.oci.platform import machine_platform

REFERENCE = "docker.io/library/starter:latest"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PASSWD = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
GROUP = b"root:x:0:\ntty:x:5:\nnogroup:x:65534:\n"
DIRECTORIES = {
    b"bin": 0o755,
    b"dev": 0o755,
    b"etc": 0o755,
    b"home": 0o755,
    b"proc": 0o555,
    b"root": 0o700,
    b"sys": 0o555,
    b"tmp": 0o1777,
    b"usr": 0o755,
    b"usr/bin": 0o755,
    b"usr/sbin": 0o755,
    b"sbin": 0o755,
    b"var": 0o755,
    b"var/tmp": 0o1777,
}


def starter_archive(busybox: str) -> bytes:
    """Return a docker-save archive of the starter image, always the same for one busybox.

    Raises NotFound("file", busybox), Unavailable where it does not run.
    """
    layer = _layer(busybox)
    config = json.dumps(
        {
            "architecture": machine_platform(os.uname().machine).architecture,
            "os": "linux",
            "config": {"Cmd": ["/bin/sh"], "Env": [PATH], "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]},
        },
        sort_keys=True,
    ).encode()
    manifest = json.dumps(
        [{"Config": "config.json", "RepoTags": [REFERENCE], "Layers": ["layer.tar"]}]
    ).encode()
    return _tar({b"manifest.json": manifest, b"config.json": config, b"layer.tar": layer})


def _layer(busybox: str) -> bytes:
    try:
        with open(busybox, "rb") as file:
            program = file.read()
    except FileNotFoundError:
        raise NotFound("file", busybox) from None
    out = io.BytesIO()
    tar = TarWriter(out.write)
    for name, mode in sorted(DIRECTORIES.items()):
        tar.add(Entry(name=name, kind=Kind.DIRECTORY, mode=mode))
    tar.add(Entry(name=b"bin/busybox", kind=Kind.FILE, mode=0o755), program)
    for applet in _applets(busybox):
        if applet != b"bin/busybox":
            tar.add(Entry(name=applet, kind=Kind.SYMLINK, mode=0o777, link=b"/bin/busybox"))
    tar.add(Entry(name=b"etc/passwd", kind=Kind.FILE, mode=0o644), PASSWD)
    tar.add(Entry(name=b"etc/group", kind=Kind.FILE, mode=0o644), GROUP)
    tar.close()
    return out.getvalue()


def _applets(busybox: str) -> list[bytes]:
    asked = [busybox, "--list-full"]
    told = subprocess.run(asked, capture_output=True, check=False, timeout=20)
    if told.returncode != 0:
        raise Unavailable(f"{busybox} --list-full failed: it is no busybox")
    allowed = (b"bin/", b"sbin/", b"usr/bin/", b"usr/sbin/")
    return sorted({name for name in told.stdout.split() if name.startswith(allowed)})


def _tar(members: dict[bytes, bytes]) -> bytes:
    out = io.BytesIO()
    tar = TarWriter(out.write)
    for name, content in members.items():
        tar.add(Entry(name=name, kind=Kind.FILE, mode=0o644), content)
    tar.close()
    return out.getvalue()
