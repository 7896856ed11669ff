"""The hostile programs: static, for containers without libraries, compiled where the tests run."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from runtime.abi import CAPABILITIES
from tests.kernel.lab import Lab
from tests.kernel.runtimes import Config

HERE = Path(__file__).parent
COMPILER = "gcc"
FLAGS = ("-std=gnu17", "-Wall", "-Wextra", "-static", "-no-pie")
"""Not position-independent: so data lies below 4 GiB, where calls of i386 can name it."""

Verdicts = dict[str, str]
"""Act -> `open`, or the errno or signal that it met."""


def compile_program(name: str, program: Path) -> None:
    """Compile what lies in the folder `name` beside this file."""
    sources = [str(source) for source in sorted((HERE / name).glob("*.c"))]
    done = subprocess.run(
        [COMPILER, *FLAGS, "-o", str(program), *sources],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    program.chmod(0o755)


def parse(text: str) -> Verdicts:
    """Return what the probe has told; each act is there once."""
    lines = [line.split("\t") for line in text.splitlines()]
    told = {name: verdict for verdict, name in lines}
    assert len(told) == len(lines), "two acts have one name"
    return told


def opened(told: Verdicts) -> set[str]:
    """Return the acts that were open."""
    return {name for name, verdict in told.items() if verdict == "open"}


def lower(program: Path, lab: Lab) -> tuple[str, ...]:
    """Return the layers of a container that has `program` at its root."""
    return (str(program.parent), str(lab.layer))


def probe(lab: Lab, program: Path, **options: Any) -> Verdicts:
    """Run the probe as the first process of a container."""
    code, text = lab.run("/probe", lower=lower(program, lab), **options)
    assert code == 0, text
    return parse(text)


def most_privileged() -> Config:
    """Return changes of a bundle: every capability, no filter, no cover, the host's own ids."""
    sets = ("bounding", "permitted", "effective", "inheritable")
    names = list(CAPABILITIES)
    return {
        "process": {"capabilities": dict.fromkeys(sets, names), "noNewPrivileges": False},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts"},
            {"destination": "/sys", "type": "sysfs", "source": "sysfs"},
            {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup"},
            {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"},
        ],
        "linux": {"resources": {"devices": [{"allow": True, "type": "a", "access": "rwm"}]}},
    }
