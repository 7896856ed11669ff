"""The one task. Whoever can ring can only make a worker look at a row."""

from __future__ import annotations

from django.db import close_old_connections

from panel.celery import app
from panel.operations.params import IDENTITY
from panel.worker.run import run
from panel.worker.workshop import workshop


@app.task(name="operation.run", ignore_result=True, acks_late=True)
def run_operation(operation: str) -> None:
    """Do the operation with this id, if it is there and its turn has come."""
    if not isinstance(operation, str) or not IDENTITY.fullmatch(operation):
        return
    close_old_connections()
    run(operation, workshop())
