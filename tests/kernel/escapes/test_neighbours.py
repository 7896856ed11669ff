"""What the engine has on the machine, as seen by those whom it does not concern."""

from __future__ import annotations

import json
import os
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kernel.containers.conftest import Instance

pytestmark = pytest.mark.kernel

NOBODY = 65_534


def names_of_sockets(*pids: int) -> list[str]:
    """Return the names of Unix sockets that processes hold (proc_net(5))."""
    held = set()
    for pid in pids:
        for number in os.listdir(f"/proc/{pid}/fd"):
            try:
                target = os.readlink(f"/proc/{pid}/fd/{number}")
            except FileNotFoundError:  # closed meanwhile
                continue
            if target.startswith("socket:["):
                held.add(target[8:-1])
    lines = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    return [fields[7] for fields in lines if fields[6] in held and len(fields) > 7]


def test_the_engine_listens_under_no_abstract_name(instance: Instance) -> None:
    """CVE-2020-15257: an abstract name is open to whoever shares the network namespace."""
    box = instance.run("sleep 600")

    names = names_of_sockets(instance.zygote, instance.shim(box.id))

    assert len(names) >= 2
    assert [name for name in names if name.startswith("@")] == []


def test_an_abstract_name_would_be_seen() -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0probe-{os.getpid()}")
        listener.listen()

        assert f"@probe-{os.getpid()}" in names_of_sockets(os.getpid())


@dataclass(frozen=True, slots=True)
class Walk:
    """What somebody could list or read below a directory."""

    listed: list[str]
    read: list[str]


def walk_as_nobody(*tops: str) -> Walk:
    """Walk in a child without any right."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        os.write(writer, json.dumps(_walk(tops)).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        listed, read = json.loads(told.read())
    os.waitpid(child, 0)
    return Walk(listed, read)


def _walk(tops: tuple[str, ...]) -> tuple[list[str], list[str]]:
    listed, read = [], []
    for top in tops:
        for directory, _, files in os.walk(top):
            listed.append(directory)
            read += [name for name in files if os.access(f"{directory}/{name}", os.R_OK)]
    return listed, read


@pytest.fixture
def public() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="moorage-test-", dir="/var/tmp") as made:
        os.chmod(made, 0o755)
        Path(made, "file").write_text("for all")
        os.chmod(f"{made}/file", 0o644)
        yield made


def test_nobody_finds_a_way_into_what_the_engine_keeps(instance: Instance, public: str) -> None:
    """CVE-2024-25621: state of containers that every user of the host can walk through."""
    box = instance.run("echo secret > /note; sleep 600")
    inner = (
        instance.config.data,
        instance.config.run,
        instance.config.container_data(box.id),
        instance.config.container_run(box.id),
        f"{instance.config.container_data(box.id)}/upper",
    )

    assert walk_as_nobody(public) == Walk([public], ["file"])
    assert walk_as_nobody(*inner) == Walk([], [])
