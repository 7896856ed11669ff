"""A real Celery worker whose engine is in memory: `served_worker.py fast|bulk POOL`."""
# ruff: noqa: E402  # Django is set up between the imports

from __future__ import annotations

import sys
from typing import Any

import django

django.setup()

from panel.celery import app, queue
from panel.policy.rules import Ceiling
from panel.worker import workshop
from panel.worker.run import Workshop
from tests.fakes.engine import FakeEngine


def serve(pool: str, kind: str) -> None:
    engine: Any = FakeEngine()
    engine.images.starter("harbour")
    made = Workshop(
        node="here",
        engine=engine,
        uploads="/nonexistent",
        ceiling=lambda: Ceiling(id_base=300_000_000),
    )
    workshop.open_workshop = lambda: made
    words = ["worker", "--queues", queue("here", pool), "--pool", kind, "--concurrency", "2"]
    app.worker_main([*words, "--without-gossip", "--without-mingle", "--loglevel", "INFO"])


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2])
