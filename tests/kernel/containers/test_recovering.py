"""Recovery: a fault of one container is told and stops no other; policies are applied once."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.cgroups import cgroup as cgroups
from runtime.cgroups.cgroup import Cgroup
from runtime.cgroups.layout import detect
from runtime.config import EngineConfig
from runtime.containers.hand_over import hand_over
from runtime.errors import Conflict, Unavailable
from runtime.oci.bundle import Resources
from runtime.shim import sockets
from runtime.shim.client import ZygoteClient, ask_shim, shim_lives
from runtime.shim.protocol import Stop
from tests.kernel.containers.conftest import Instance, ended, shell, until


def booted_since(instance: Instance, number: int) -> list[str]:
    """Containers of another boot that exited, and that their policy wants to run."""
    made = []
    for _ in range(number):
        container = instance.engine.containers.create(shell("sleep 60", restart="always")).id
        ledger = instance.site.ledger(container)
        ledger.note(
            lambda old: replace(old, boot="earlier", record=replace(old.record, state="exited"))
        )
        made.append(container)
    return sorted(made)


def test_a_container_that_fails_stops_no_other(instance: Instance) -> None:
    first, second, third = booted_since(instance, 3)
    containers = instance.engine.containers
    (damaged := Path(f"{instance.site.directory(first)}/state.json")).unlink()
    damaged.mkdir()
    upper = f"{instance.site.directory(second)}/upper"
    os.makedirs(f"{upper}/bin")
    os.mknod(f"{upper}/bin/sh", 0o020000, 0)  # a whiteout of overlayfs
    stray = cgroups.create(f"{instance.site.slice}/stray", Resources())
    try:
        told = containers.recover()
        assert any(first in one and "Is a directory" in one for one in told)
        assert any(second in one and "sh" in one for one in told)
        assert any("stray" in one for one in told)
        assert containers.inspect(third).state == "running"
        again = containers.recover()
        assert [one for one in again if second in one or third in one] == []
    finally:
        stray.remove()
        damaged.rmdir()


def test_a_start_after_a_reboot_is_made_up_for(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    (container,) = booted_since(instance, 1)
    containers = instance.engine.containers
    with monkeypatch.context() as patch:
        patch.setattr(ZygoteClient, "start", busy)
        assert containers.recover() == (f"container {container}: busy just now",)
    assert containers.inspect(container).state == "exited"

    assert len(containers.recover()) == 1
    assert containers.inspect(container).state == "running"
    containers.kill(container)
    until(lambda: containers.inspect(container).state == "exited")
    assert containers.recover() == ()
    assert containers.inspect(container).state == "exited"


def busy(client: ZygoteClient, container: str) -> int | None:
    raise Unavailable("busy just now")


def test_a_container_whose_cgroup_stays_busy_exits(instance: Instance) -> None:
    pids = detect().find("pids")
    if pids is None or pids.version == 2:
        pytest.skip("a v2 group can be killed with all that is in it")
    started = instance.run("sleep 1; exit 5")
    shim = instance.shim(started.id)
    group = f"{pids.mount}/{instance.site.slice}/{started.id}"
    with subprocess.Popen(["sleep", "60"]) as stray:
        try:
            Path(f"{group}/cgroup.procs").write_text(str(stray.pid))
            over = instance.engine.containers.wait(started.id, timeout_seconds=30)
            assert over.exit_code == 5
            until(lambda: ended(shim))
            assert os.path.exists(group)
        finally:
            stray.kill()
    assert instance.engine.containers.recover() == (
        f"a cgroup of nothing that runs was left: {started.id}",
    )
    assert not os.path.exists(group)


def test_an_order_to_a_container_that_ended_is_refused_at_once(instance: Instance) -> None:
    started = instance.run("exit 0")
    instance.engine.containers.wait(started.id, timeout_seconds=20)
    until(lambda: not shim_lives(instance.config, started.id))
    began = time.monotonic()
    with pytest.raises(Conflict, match="ended"):
        hand_over(
            instance.site, Stop(container=started.id, operation=None, grace_seconds=None), "stop"
        )
    assert time.monotonic() - began < 5


def test_a_shim_with_a_full_queue_is_alive(tmp_path: Path) -> None:
    config = EngineConfig(data_root=str(tmp_path / "data"), run_root=str(tmp_path / "run"))
    os.makedirs(config.container_run("c"))
    with sockets.listen(config.container_run("c"), "s") as listener:
        listener.listen(0)
        with sockets.connect(config.container_run("c"), "s", 1.0):
            assert shim_lives(config, "c")
            with pytest.raises(Unavailable, match="does not answer"):
                ask_shim(config, "c", Stop(container="c", operation=None, grace_seconds=None))


def test_a_cgroup_that_is_gone_can_be_killed() -> None:
    gone = Cgroup("moorage.slice/none", ())
    gone.kill()
    assert gone.pids() == []


def test_what_is_no_container_hides_no_other_from_a_list(instance: Instance) -> None:
    containers = instance.engine.containers
    whole, torn, newer = (containers.create(shell("true")).id for _ in range(3))
    os.mkdir(f"{instance.config.containers}/lost+found")
    states = [Path(f"{instance.site.directory(one)}/state.json") for one in (torn, newer)]
    kept = [state.read_bytes() for state in states]
    states[0].write_text('{"schema": 1, "record": {"command": null}}')
    states[1].write_text('{"schema": 99}')
    try:
        assert [record.id for record in containers.list()] == [whole]
        told = containers.recover()
        for name in ("lost+found", torn, newer):
            assert any(name in one for one in told)
    finally:
        os.rmdir(f"{instance.config.containers}/lost+found")
        for state, content in zip(states, kept, strict=True):
            state.write_bytes(content)


def test_what_a_dead_writer_was_writing_is_removed(instance: Instance) -> None:
    made = instance.engine.containers.create(shell("true"))
    draft = f"{instance.site.directory(made.id)}/state.json.4194305-01234567.new"
    Path(draft).touch()
    sentence = f"container {made.id} had an unfinished file: {os.path.basename(draft)}"

    assert [one.detail for one in instance.engine.system.fsck(repair=False)] == [sentence]
    assert instance.engine.containers.recover() == (sentence,)
    assert not os.path.exists(draft)
