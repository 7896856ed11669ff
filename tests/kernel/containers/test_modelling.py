"""Verbs, deaths and recoveries in any order, against a model of what must come of them."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from runtime.errors import Conflict, Unavailable
from runtime.events import ContainerRecord
from runtime.shim.client import shim_lives
from runtime.spec.execution import ExecSpec
from runtime.state import boot
from tests.conftest import Counts
from tests.kernel.containers import truth
from tests.kernel.containers.conftest import Instance, ended, shell, until

pytestmark = pytest.mark.kernel

MOST_CONTAINERS = 4
MOST_DEATHS = 3
"""Of one container's shims or first processes: each makes the pause before the next one longer."""
GRACE_SECONDS = 10.0
SCRIPT = "trap 'exit 3' TERM; echo up; sleep 1000 & wait"
STOPPED, KILLED = 3, 137
PICKS = st.integers(0, MOST_CONTAINERS - 1)


@dataclass
class Modelled:
    """A container as it must be; `code` is how it ended, `starts` the lines that it printed."""

    id: str
    name: str
    restart: str
    state: str = "created"
    pid: int | None = None
    pid_start: int | None = None
    code: int | None = None
    starts: int = 0
    version: int = 1
    deaths: int = 0
    unminded: bool = False

    @property
    def is_alive(self) -> bool:
        return self.state in truth.ALIVE


class Containers(RuleBasedStateMachine):
    """An instance, what is done with it, and the model."""

    def __init__(self, instance: Instance) -> None:
        super().__init__()
        self.instance = instance
        self.engine = instance.engine
        self.model: list[Modelled] = []
        self.made = 0
        self.somebody_died = False

    # Verbs

    @precondition(lambda self: len(self.model) < MOST_CONTAINERS)
    @rule(restart=st.sampled_from(("no", "always")))
    def create(self, restart: str) -> None:
        self.made += 1
        name = f"made-{self.made}"
        record = self.engine.containers.create(shell(SCRIPT, name=name, restart=restart))
        self.model.append(Modelled(record.id, name, restart))

    @precondition(lambda self: self.model)
    @rule(pick=PICKS)
    def start(self, pick: int) -> None:
        one = self._one(pick)
        if one.state == "paused":
            self._refused(lambda: self.engine.containers.start(one.id))
            return
        record = self.engine.containers.start(one.id)
        if one.state != "running":
            self._began(one, record)

    @precondition(lambda self: self.model)
    @rule(pick=PICKS)
    def stop(self, pick: int) -> None:
        one = self._one(pick)
        self.engine.containers.stop(one.id, timeout_seconds=GRACE_SECONDS)
        if one.is_alive:
            self._ended(one, STOPPED)

    @precondition(lambda self: self.model)
    @rule(pick=PICKS)
    def kill(self, pick: int) -> None:
        one = self._one(pick)
        if not one.is_alive:
            self._refused(lambda: self.engine.containers.kill(one.id))
            return
        self.engine.containers.kill(one.id)
        self._ended(one, KILLED)

    @precondition(lambda self: self.model)
    @rule(pick=PICKS)
    def pause(self, pick: int) -> None:
        one = self._one(pick)
        if not one.is_alive:
            self._refused(lambda: self.engine.containers.pause(one.id))
            return
        assert self.engine.containers.pause(one.id).state == "paused"
        one.state, one.unminded = "paused", False

    @precondition(lambda self: self.model)
    @rule(pick=PICKS)
    def resume(self, pick: int) -> None:
        one = self._one(pick)
        if not one.is_alive:
            self._refused(lambda: self.engine.containers.resume(one.id))
            return
        assert self.engine.containers.resume(one.id).state == "running"
        one.state, one.unminded = "running", False

    @precondition(lambda self: self.model)
    @rule(pick=PICKS)
    def restart(self, pick: int) -> None:
        one = self._one(pick)
        operation = os.urandom(8).hex()
        before = one.pid
        self.engine.containers.restart(one.id, timeout_seconds=GRACE_SECONDS, operation=operation)
        until(lambda: self._is_over(one, operation))
        until(lambda: self.engine.containers.inspect(one.id).pid not in (None, before))
        self._began(one, self.engine.containers.inspect(one.id))

    @precondition(lambda self: self.model)
    @rule(pick=PICKS)
    def execute(self, pick: int) -> None:
        one = self._one(pick)
        operation = os.urandom(8).hex()
        spec = ExecSpec(command=("sh", "-c", "echo out; exit 5"))
        if one.state != "running":
            self._refused(lambda: self.engine.containers.execute(one.id, spec, operation=operation))
            return
        self.engine.containers.execute(one.id, spec, operation=operation)
        until(lambda: self._is_over(one, operation))
        one.unminded = False
        mark = self.engine.containers.once(one.id, operation)
        assert mark is not None
        assert mark.result is not None, mark
        assert (mark.result["exit_code"], mark.result["stdout"]) == (5, "out\n")

    @precondition(lambda self: self.model)
    @rule(pick=PICKS)
    def rename(self, pick: int) -> None:
        one = self._one(pick)
        self.made += 1
        one.name = f"renamed-{self.made}"
        record = self.engine.containers.rename(one.id, name=one.name)
        assert record.spec["name"] == one.name

    @precondition(lambda self: self.model)
    @rule(pick=PICKS)
    def wait(self, pick: int) -> None:
        one = self._one(pick)
        if one.state == "exited":
            self._assert_code(one, self.engine.containers.wait(one.id, timeout_seconds=20))
            return
        with pytest.raises(Unavailable):
            self.engine.containers.wait(one.id, timeout_seconds=0)

    @precondition(lambda self: self.model)
    @rule(pick=PICKS, force=st.booleans())
    def delete(self, pick: int, force: bool) -> None:
        one = self._one(pick)
        if one.is_alive and not force:
            self._refused(lambda: self.engine.containers.delete(one.id))
            return
        self.engine.containers.delete(one.id, force=force)
        self.model.remove(one)
        assert not os.path.exists(self.instance.config.container_data(one.id))
        if one.pid is not None:
            assert ended(one.pid)

    # Deaths

    @precondition(lambda self: self.model)
    @rule(pick=PICKS)
    def the_first_process_dies(self, pick: int) -> None:
        one = self._one(pick)
        if one.state != "running" or one.deaths >= MOST_DEATHS:
            return
        if one.unminded:
            self.reconcile()
        assert one.pid is not None
        before = one.pid
        os.kill(before, signal.SIGKILL)
        if one.restart == "no":
            self._ended(one, KILLED)
            return
        one.deaths += 1
        until(lambda: self.engine.containers.inspect(one.id).pid not in (None, before))
        self._began(one, self.engine.containers.inspect(one.id))

    @precondition(lambda self: self.model)
    @rule(pick=PICKS, at_once=st.booleans())
    def the_shim_dies(self, pick: int, at_once: bool) -> None:
        one = self._one(pick)
        if not one.is_alive or one.deaths >= MOST_DEATHS:
            return
        self._kill_shim(one)
        if not at_once and self._zygote() is not None:
            until(lambda: shim_lives(self.instance.config, one.id))
            one.unminded = False

    @rule()
    def the_zygote_dies(self) -> None:
        zygote = self._zygote()
        if zygote is None:
            return
        self.somebody_died = True
        os.kill(zygote, signal.SIGKILL)
        until(lambda: ended(zygote))

    @precondition(lambda self: self.model)
    @rule(pick=PICKS)
    def zygote_and_shim_die(self, pick: int) -> None:
        one = self._one(pick)
        self.the_zygote_dies()
        if one.is_alive and one.deaths < MOST_DEATHS:
            self._kill_shim(one)

    # Recovery

    @rule()
    def reconcile(self) -> None:
        self.engine.containers.recover()
        truth.agree(self.instance)
        until(lambda: self.engine.containers.recover() == ())
        for one in self.model:
            one.unminded = False

    @rule()
    def another_process_opens_the_instance(self) -> None:
        self.engine = self.instance.reopen()

    # What holds after every step

    @invariant()
    def records_are_those_of_the_model(self) -> None:
        records = {record.id: record for record in self.engine.containers.list()}
        assert set(records) == {one.id for one in self.model}
        for one in self.model:
            record = records[one.id]
            told = (record.state, record.spec["name"], record.pid, record.restarting)
            assert told == (one.state, one.name, one.pid, False)
            assert record.version >= one.version
            one.version = record.version
            if one.state == "exited":
                self._assert_code(one, record)
        names = [record.spec["name"] for record in records.values()]
        assert len(set(names)) == len(names)

    @invariant()
    def processes_are_where_records_say(self) -> None:
        for one in self.model:
            if one.pid is not None:
                assert not ended(one.pid)
                assert boot.start_time(one.pid) == one.pid_start

    @invariant()
    def logs_are_kept(self) -> None:
        for one in self.model:
            assert self.instance.output(one.id) == b"up\n" * one.starts

    @invariant()
    def no_version_is_told_twice(self) -> None:
        told = [
            (spooled.event.record.id, spooled.event.record.version)
            for spooled in self.engine.events.pending()
        ]
        assert len(set(told)) == len(told)

    def teardown(self) -> None:
        for record in self.engine.containers.list():
            self.engine.containers.delete(record.id, force=True)
        self.engine.containers.recover()
        truth.agree(self.instance)
        for spooled in self.engine.events.pending():
            self.engine.events.discard(spooled)

    def _one(self, pick: int) -> Modelled:
        return self.model[pick % len(self.model)]

    def _began(self, one: Modelled, record: ContainerRecord) -> None:
        assert record.pid is not None
        one.state, one.pid, one.pid_start = "running", record.pid, boot.start_time(record.pid)
        one.starts += 1
        one.code, one.unminded = None, False
        until(lambda: self.instance.output(one.id) == b"up\n" * one.starts)

    def _ended(self, one: Modelled, code: int) -> None:
        record = self.engine.containers.wait(one.id, timeout_seconds=20)
        one.state, one.code, one.unminded = "exited", code, False
        assert one.pid is not None
        assert ended(one.pid)
        one.pid = one.pid_start = None
        self._assert_code(one, record)

    def _assert_code(self, one: Modelled, record: ContainerRecord) -> None:
        """Where shims and zygotes died, a kernel before Linux 6.15 may not know the code."""
        assert record.exit_code == one.code or (self.somebody_died and record.exit_code is None)

    def _refused(self, verb: Callable[[], object]) -> None:
        with pytest.raises(Conflict):
            verb()

    def _is_over(self, one: Modelled, operation: str) -> bool:
        mark = self.engine.containers.once(one.id, operation)
        return mark is not None and mark.state != "begun"

    def _zygote(self) -> int | None:
        with suppress(AssertionError):
            return self.instance.zygote
        return None

    def _kill_shim(self, one: Modelled) -> None:
        """Kill it, unless one that died has no successor yet."""
        if not shim_lives(self.instance.config, one.id):
            return
        self.somebody_died = True
        one.deaths += 1
        one.unminded = True
        shim = self.instance.shim(one.id)
        os.kill(shim, signal.SIGKILL)
        until(lambda: ended(shim))


def test_any_order_of_verbs_and_deaths_keeps_to_the_model(
    instance: Instance, rng: random.Random, counts: Counts
) -> None:
    @seed(rng.randrange(1 << 32))
    class OfInstance(Containers):
        def __init__(self) -> None:
            super().__init__(instance)

    run_state_machine_as_test(
        OfInstance,
        settings=settings(
            max_examples=counts(6, full=60),
            stateful_step_count=counts(20, full=40),
            deadline=None,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
