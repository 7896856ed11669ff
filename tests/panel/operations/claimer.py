# ruff: noqa: E402  # Django is set up between the imports
"""A worker process of the storm: `claimer.py DIRECTORY`. It drains the queue until it is empty.

Its engine keeps what it created as files in DIRECTORY, one per effect and made exclusively, so
that several processes see one engine and no effect can hide a second one.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

import django

django.setup()

from panel.operations.models import UNFINISHED, Operation
from panel.policy.rules import Ceiling
from panel.worker.run import Workshop, run
from runtime.events import ContainerRecord, NullSink, Sink
from runtime.spec.container import ContainerSpec
from tests.fakes.engine import FakeEngine

THREADS = 4
_NULL = NullSink()


class SharedContainers:
    """Create and start, repeatable across processes."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def create(
        self, spec: ContainerSpec, *, container: str | None = None, sink: Sink = _NULL
    ) -> ContainerRecord:
        """Make the container's file; the same id again changes nothing."""
        assert container is not None
        self._once(f"{container}.created")
        return self._record(container, spec, "created", 1)

    def start(self, container: str, *, sink: Sink = _NULL) -> ContainerRecord:
        """Note that it runs."""
        self._once(f"{container}.started")
        time.sleep(0.002)
        return self._record(container, ContainerSpec(image="starter"), "running", 2)

    def _once(self, name: str) -> None:
        try:
            os.close(os.open(f"{self._directory}/{name}", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            with open(f"{self._directory}/repeats", "a") as repeats:
                repeats.write(f"{name}\n")

    def _record(
        self, container: str, spec: ContainerSpec, state: str, version: int
    ) -> ContainerRecord:
        return ContainerRecord(
            id=container,
            version=version,
            namespace="harbour",
            spec=spec.to_json(),
            image_id="sha256:0",
            command=("sleep", "1000"),
            state=state,
            created_ns=time.time_ns(),
        )


def main(directory: str) -> None:
    engine: Any = FakeEngine()
    engine.containers = SharedContainers(directory)
    workshop = Workshop(
        node="here",
        engine=engine,
        uploads=directory,
        ceiling=lambda: Ceiling(id_base=300_000_000),
    )
    threads = [threading.Thread(target=drain, args=(workshop,)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    print("ready", flush=True)
    for thread in threads:
        thread.join()


def drain(workshop: Workshop) -> None:
    while True:
        unfinished = Operation.objects.filter(status__in=UNFINISHED).order_by("number")
        names = list(unfinished.values_list("pk", flat=True)[:20])
        if not names:
            return
        done = [run(name, workshop) for name in names]
        if not any(done):
            time.sleep(0.02)


if __name__ == "__main__":
    main(sys.argv[1])
