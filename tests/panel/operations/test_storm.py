"""Many at once, on a real database, with threads and processes that really compete."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import pytest
from django.db import connection, connections

from panel.accounts.actors import Actor
from panel.eventlog.models import Event
from panel.inventory.models import Container
from panel.operations import lease
from panel.operations.claim import claim
from panel.operations.lease import Lease
from panel.operations.models import Operation, Status
from panel.operations.submit import submit
from runtime.errors import Conflict

ROOT = Path(__file__).parents[3]
SLEEPER = {"image": "starter", "command": ["sleep", "1000"]}

pytestmark = pytest.mark.django_db(transaction=True)


class Counts(Protocol):
    def __call__(self, sampled: int, *, full: int) -> int: ...


def in_threads(count: int, work: Callable[[int], object]) -> list[object]:
    """Let `count` threads do `work` at the same moment, each with connections of its own."""
    gate = threading.Barrier(count)

    def one(number: int) -> object:
        gate.wait()
        try:
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_of_50_creates_of_one_name_exactly_one_wins(alice: Actor, counts: Counts) -> None:
    for turn in range(counts(2, full=20)):
        spec = {**SLEEPER, "name": f"web-{turn}"}

        def create(_: int, spec: Mapping[str, object] = spec) -> str:
            try:
                submit("container.create", actor=alice, params={"spec": spec})
            except Conflict:
                return "conflict"
            return "won"

        assert Counter(in_threads(50, create)) == {"won": 1, "conflict": 49}
    assert Operation.objects.count() == Container.objects.count()


def test_one_of_8_claims_of_one_operation_wins(alice: Actor) -> None:
    processes = [subprocess.Popen(["sleep", "60"]) for _ in range(8)]
    owners = [Lease(lease.boot_id(), one.pid, lease.start_time(one.pid) or 0) for one in processes]
    for _ in range(5):
        operation = submit("container.create", actor=alice, params={"spec": SLEEPER})

        def take(number: int, pk: str = operation.pk) -> bool:
            return claim(pk, node="here", owner=owners[number]) is not None

        assert Counter(in_threads(8, take)) == {True: 1, False: 7}
        assert Event.objects.filter(operation=operation.pk, kind="operation.running").count() == 1
    for process in processes:
        process.kill()
        process.wait()


def test_event_numbers_commit_in_order(alice: Actor) -> None:
    seen: list[int] = []
    over = threading.Event()

    def watch() -> None:
        reached = 0
        try:
            while not over.is_set():
                new = Event.objects.filter(seq__gt=reached).order_by("seq")
                for seq in new.values_list("seq", flat=True):
                    seen.append(seq)
                    reached = seq
                over.wait(0.001)
        finally:
            connections.close_all()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        in_threads(
            8,
            lambda _: [
                submit("container.create", actor=alice, params={"spec": SLEEPER}) for _ in range(10)
            ],
        )
        time.sleep(0.2)
    finally:
        over.set()
        watcher.join()

    assert seen == sorted(Event.objects.values_list("seq", flat=True))


def test_a_team_never_gets_past_its_quota(alice: Actor) -> None:
    from panel.policy.models import TeamPolicy
    from panel.policy.rules import Refused

    TeamPolicy.objects.create(team_id=alice.team_id, overrides={"max_containers": 5})

    def create(_: int) -> str:
        try:
            submit("container.create", actor=alice, params={"spec": SLEEPER})
        except Refused:
            return "refused"
        return "queued"

    assert Counter(in_threads(20, create)) == {"queued": 5, "refused": 15}


def test_200_creates_survive_killed_workers(alice: Actor, tmp_path: Path, counts: Counts) -> None:
    queued = [submit("container.create", actor=alice, params={"spec": SLEEPER}) for _ in range(200)]
    connection.close()

    workers = [claimer(tmp_path) for _ in range(2)]
    for _ in range(counts(2, full=5)):
        victim = workers.pop(0)
        wait_for_some(tmp_path, victim)
        victim.kill()
        victim.wait()
        workers.append(claimer(tmp_path))
    for worker in workers:
        assert worker.wait(timeout=120) == 0

    statuses = Counter(Operation.objects.values_list("status", flat=True))
    assert statuses == {Status.SUCCEEDED.value: 200}
    made = sorted(path.stem for path in tmp_path.glob("*.created"))
    assert made == sorted(operation.target for operation in queued)
    assert len(list(tmp_path.glob("*.started"))) == 200


def claimer(directory: Path) -> subprocess.Popen[bytes]:
    """Start a worker process on the test's database."""
    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        url = f"sqlite://{settings['NAME']}"
    else:
        url = f"postgresql://{settings['USER']}@/{settings['NAME']}?host={settings['HOST']}"
    environment = {**os.environ, "DATABASE_URL": url, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("claimer.py")), str(directory)],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )


def wait_for_some(directory: Path, worker: subprocess.Popen[bytes]) -> None:
    """Wait until ten more containers were made, or the worker found nothing left."""
    before = len(list(directory.glob("*.created")))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and worker.poll() is None:
        if len(list(directory.glob("*.created"))) >= before + 10:
            return
        time.sleep(0.01)
