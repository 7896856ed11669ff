"""Creates, deletes and reboots cut short: what is left is finished or removed."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.containers.create import creating
from runtime.events import ContainerRecord
from runtime.state import locks, spool
from runtime.state.records import Cause, event_of
from tests.conftest import Counts
from tests.kernel.containers.conftest import Instance, an_instance, ended, shell, until

MUTATING = "mkdir,mkdirat,openat,rename,renameat,link,linkat,unlink,fsync,fdatasync,write,chmod"
CHILD = """
import sys
sys.path[:0] = [{root!r}]
from tests.kernel.containers.crash_child import main
main(*sys.argv[1:])
"""


def traced(instance: Instance, layer: str, container: str, verb: str, *options: str) -> int:
    """Carry a verb out in a process of its own, under strace(1); return how that ended."""
    root = str(Path(__file__).parents[3])
    child = [sys.executable, "-c", CHILD.format(root=root)]
    arguments = [instance.config.data_root, instance.config.run_root, layer, container, verb]
    done = subprocess.run(
        ["strace", "-qq", "-e", f"trace={MUTATING}", *options, *child, *arguments],
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode


def calls(instance: Instance, layer: str, container: str, verb: str) -> Counter[str]:
    """Count the mutating system calls of a process by name."""
    trace = f"{instance.config.run_root}/trace"
    assert traced(instance, layer, container, verb, "-o", trace) == 0
    lines = Path(trace).read_text().splitlines()
    os.unlink(trace)
    return Counter(line.split("(")[0] for line in lines)


def points(instance: Instance, layer: str, verb: str) -> list[tuple[str, int]]:
    """Return each mutating call that the verb adds to a process: its name and number."""
    identities = [os.urandom(16).hex() for _ in range(2)]
    if verb == "delete":
        for identity in identities:
            instance.engine.containers.create(shell("true"), container=identity)
    before = calls(instance, layer, identities[0], f"no-{verb}")
    whole = calls(instance, layer, identities[1], verb)
    return [
        (name, number)
        for name in sorted(whole)
        for number in range(before[name] + 1, whole[name] + 1)
    ]


@pytest.mark.parametrize("verb", ["create", "delete"])
def test_a_verb_killed_at_any_point_happened_or_did_not(
    instance: Instance, layer: str, rng: random.Random, counts: Counts, verb: str
) -> None:
    every = points(instance, layer, verb)
    assert len(every) > 10
    for record in instance.engine.containers.list():
        instance.engine.containers.delete(record.id)

    for name, number in sorted(rng.sample(every, min(len(every), counts(16, full=len(every))))):
        identity = os.urandom(16).hex()
        if verb == "delete":
            instance.engine.containers.create(shell("true"), container=identity)
        inject = f"inject={name}:signal=SIGKILL:when={number}"
        ended_by = traced(instance, layer, identity, verb, "-o", "/dev/null", "-e", inject)
        instance.engine.containers.recover()

        assert ended_by == -signal.SIGKILL
        assert instance.engine.containers.recover() == ()
        there = identity in os.listdir(instance.config.containers)
        events = [
            spooled.event.action
            for spooled in instance.engine.events.pending()
            if spooled.event.record.id == identity
        ]
        assert events == (["created"] if there else ["created", "deleted"] * (verb == "delete"))
        assert [record.id for record in instance.engine.containers.list()] == [identity] * there
        assert len(os.listdir(instance.config.containers)) == there
        assert os.listdir(instance.site.trash) == []
        if there:
            instance.engine.containers.delete(identity)


def reboot(instance: Instance, *records: ContainerRecord) -> None:
    """Do to an instance what a reboot does: everything dies, the boot id is another."""
    victims = [instance.zygote, *(instance.shim(record.id) for record in records)]
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    for record in records:
        assert record.pid is not None
        os.kill(record.pid, signal.SIGKILL)
        until(lambda pid=record.pid: ended(pid))  # type: ignore[misc]
    until(lambda: all(ended(pid) for pid in victims))
    for record in instance.engine.containers.list():
        path = f"{instance.config.container_data(record.id)}/state.json"
        plain = json.loads(Path(path).read_text())
        plain["boot"] = "another-boot"
        Path(path).write_text(json.dumps(plain))
    shutil.rmtree(f"{instance.config.run}/c")


def test_after_a_reboot_records_are_true_and_policies_are_applied_once(
    instance: Instance,
) -> None:
    plain = instance.run("sleep 60")
    always = instance.run("echo up; sleep 60", restart="always")
    unless = instance.run("echo up; sleep 60", restart="unless-stopped")
    held = instance.run("sleep 60", restart="unless-stopped")
    instance.engine.containers.stop(held.id, timeout_seconds=0)
    instance.engine.containers.wait(held.id, timeout_seconds=20)
    stopped = instance.run("sleep 60", restart="always")
    instance.engine.containers.stop(stopped.id, timeout_seconds=0)
    instance.engine.containers.wait(stopped.id, timeout_seconds=20)
    fresh = instance.engine.containers.create(shell("true", restart="always"))

    reboot(instance, plain, always, unless)
    again = instance.reopen()
    again.containers.recover()
    for record in (always, unless, stopped):
        until(lambda one=record.id: again.containers.inspect(one).state == "running")  # type: ignore[misc]
    over = again.containers.wait(plain.id, timeout_seconds=20)

    assert (over.state, over.exit_code) == ("exited", None)
    assert "restarted" in over.error
    assert again.containers.inspect(held.id).state == "exited"
    assert again.containers.inspect(fresh.id).state == "created"
    assert again.containers.recover() == ()
    until(lambda: instance.output(always.id) == b"up\n" * 2)


def test_a_pid_that_belongs_to_somebody_else_is_left_alone(instance: Instance) -> None:
    started = instance.run("sleep 60")
    zygote, shim = instance.zygote, instance.shim(started.id)
    for pid in (zygote, shim):
        os.kill(pid, signal.SIGKILL)
    assert started.pid is not None
    os.kill(started.pid, signal.SIGKILL)
    until(lambda: all(ended(pid) for pid in (zygote, shim, started.pid or 0)))
    bystander = subprocess.Popen(["sleep", "60"])
    path = f"{instance.config.container_data(started.id)}/state.json"
    plain = json.loads(Path(path).read_text())
    plain["record"]["pid"] = bystander.pid
    Path(path).write_text(json.dumps(plain))

    again = instance.reopen()
    again.containers.recover()
    over = again.containers.wait(started.id, timeout_seconds=20)
    again.containers.delete(started.id, force=True)

    assert over.exit_code is None
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


def test_leftovers_of_one_instance_are_none_of_the_other_s(layer: str) -> None:
    with an_instance(layer) as first, an_instance(layer) as second:
        os.makedirs(f"{first.config.containers}/.new-{'0' * 32}-00000000/upper")
        os.makedirs(f"{first.config.run}/c/{'0' * 32}")
        assert second.engine.containers.recover() == ()
        looked = first.engine.system.fsck(repair=False)
        found = first.engine.system.fsck(repair=True)
        after = first.engine.system.fsck(repair=True)

    assert sorted(one.kind for one in looked) == ["leftover", "leftover"]
    assert {one.detail for one in looked} <= {one.detail for one in found}
    assert all(one.repaired for one in found)
    assert after == []


def test_recovery_leaves_an_event_to_a_maker_that_is_at_it(instance: Instance) -> None:
    made = instance.run("sleep 100")
    site = instance.engine.containers._site
    record = replace(made, version=made.version + 1)
    with locks.hold(f"{site.directory(made.id)}/state.lock"):
        prepared = spool.prepare(site.config.spool, event_of(Cause(action="exited"), record))
        instance.engine.containers.recover()
        assert prepared in spool.unpublished(site.config.spool)

    instance.engine.containers.recover()
    assert spool.unpublished(site.config.spool) == []
    spool.publish(site.config.spool, prepared)  # a maker that was slower than recovery
    assert [one.event.action for one in instance.engine.events.pending()] == ["created", "started"]


def test_recovery_leaves_a_create_to_its_maker(instance: Instance) -> None:
    made = instance.engine.containers.create(shell("true"))
    site = instance.engine.containers._site
    missing = replace(made, id="ef" * 16, version=1)
    with locks.hold(creating(site), shared=True):
        prepared = spool.prepare(site.config.spool, event_of(Cause(action="created"), missing))
        instance.engine.containers.recover()
        assert prepared in spool.unpublished(site.config.spool)

    instance.engine.containers.recover()
    assert spool.unpublished(site.config.spool) == []
