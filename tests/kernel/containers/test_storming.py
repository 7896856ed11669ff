"""Many threads on one engine: every end is one that some serial order has."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

from runtime.errors import Conflict, NotFound, RuntimeFault
from tests.conftest import Counts
from tests.kernel.containers.conftest import Instance, shell, until


def test_sixteen_threads_create_start_and_delete(instance: Instance, counts: Counts) -> None:
    engine = instance.engine

    def life(number: int) -> int | None:
        made = engine.containers.create(shell(f"echo {number}; exit {number % 5}"))
        engine.containers.start(made.id)
        over = engine.containers.wait(made.id, timeout_seconds=60)
        engine.containers.delete(made.id)
        return over.exit_code

    total = counts(48, full=400)
    with ThreadPoolExecutor(16) as pool:
        codes = list(pool.map(life, range(total)))

    assert codes == [number % 5 for number in range(total)]
    assert engine.containers.list() == []


def test_creates_of_one_id_make_one_container(instance: Instance) -> None:
    identity = "cd" * 16
    with ThreadPoolExecutor(16) as pool:
        records = list(
            pool.map(
                lambda _: instance.engine.containers.create(shell("true"), container=identity),
                range(32),
            )
        )

    assert {record.id for record in records} == {identity}
    assert len({record.created_ns for record in records}) == 1
    created = [one for one in instance.engine.events.pending() if one.event.action == "created"]
    assert len(created) == 1


def test_starts_at_once_are_one_start(instance: Instance) -> None:
    made = instance.engine.containers.create(shell("sleep 60"))
    with ThreadPoolExecutor(16) as pool:
        pids = list(pool.map(lambda _: instance.engine.containers.start(made.id).pid, range(16)))

    assert len(set(pids)) == 1
    assert instance.engine.containers.inspect(made.id).version == 2


def test_verbs_at_random_end_in_a_state_that_the_table_has(
    instance: Instance, rng: random.Random, counts: Counts
) -> None:
    engine = instance.engine
    identity = "ef" * 16
    refusals: list[RuntimeFault] = []

    def act(seed: int) -> None:
        verb = random.Random(seed).choice(["create", "start", "start", "stop", "kill", "delete"])
        try:
            if verb == "create":
                engine.containers.create(shell("sleep 60"), container=identity)
            elif verb == "stop":
                engine.containers.stop(identity, timeout_seconds=0)
            elif verb == "delete":
                engine.containers.delete(identity, force=True)
            else:
                getattr(engine.containers, verb)(identity)
        except RuntimeFault as refused:
            refusals.append(refused)

    seeds = [rng.randrange(1 << 32) for _ in range(counts(150, full=2000))]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, seeds))

    expected = (Conflict, NotFound)
    assert [str(one) for one in refusals if not isinstance(one, expected)] == []
    engine.containers.create(shell("sleep 60"), container=identity)
    assert engine.containers.start(identity).state == "running"
    engine.containers.delete(identity, force=True)
    until(lambda: engine.containers.list() == [])
    assert engine.containers.recover() == ()
    versions = [
        (one.event.record.created_ns, one.event.record.version) for one in engine.events.pending()
    ]
    assert len(set(versions)) == len(versions)
