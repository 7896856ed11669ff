"""Kill, exec, sessions and restart: effects that never happen twice."""

from __future__ import annotations

from panel.operations.params import exec_spec, session_spec, signal_name
from panel.policy.judge import judge_session
from panel.policy.teams import rules_of
from panel.worker.handlers.containers import judge_again, own, told
from panel.worker.job import Answer, Done, HandedOver, Job
from runtime.errors import Conflict, Interrupted, RuntimeFault
from runtime.events import ContainerRecord, OnceRecord


class Recorded(RuntimeFault):
    """What the engine recorded in place of a result; it keeps its own code and details."""

    def __init__(self, fault: dict[str, object]) -> None:
        super().__init__(str(fault.get("message", "")))
        self.fault = fault


def kill(job: Job) -> Answer:
    """Send the signal; on a takeover only if the engine never began to."""
    container = own(job).id
    before = _before(job, container)
    if before is not None:
        return Done(before.result or {})
    name = signal_name(job.operation.params.get("signal", "SIGKILL"))
    job.engine.containers.kill(container, signal=name, operation=job.operation.pk, sink=job.sink)
    return Done({})


def execute(job: Job) -> Answer:
    """Start the process and hand it over; on a takeover only if the engine never began to."""
    record = own(job)
    begun = _begun(job, record)
    if begun is not None:
        return begun
    spec = exec_spec(job.operation.params)
    job.engine.containers.execute(record.id, spec, operation=job.operation.pk, sink=job.sink)
    return HandedOver(record.version)


def session(job: Job) -> Answer:
    """Open a session and hand it over, if the node allows any."""
    record = own(job)
    begun = _begun(job, record)
    if begun is not None:
        return begun
    judge_session(rules_of(job.operation.team_id), job.ceiling()).enforce()
    spec = session_spec(job.operation.params)
    containers = job.engine.containers
    containers.open_session(record.id, spec, operation=job.operation.pk, sink=job.sink)
    return HandedOver(record.version)


def restart(job: Job) -> Answer:
    """Hand the restart over; where nothing runs it is a start, and over at once.

    On a takeover the engine knows how far a former attempt came, and restarts nothing again.
    """
    record = own(job)
    if job.engine.containers.once(record.id, job.operation.pk) is None:
        judge_again(job, record)
    record = job.engine.containers.restart(
        record.id,
        timeout_seconds=job.operation.params.get("timeout_seconds"),
        operation=job.operation.pk,
        sink=job.sink,
    )
    mark = job.engine.containers.once(record.id, job.operation.pk)
    if mark is None or mark.state == "begun":
        return HandedOver(record.version)
    _ended(mark)
    return Done(told(job.engine.containers.inspect(record.id)))


def _begun(job: Job, record: ContainerRecord) -> Answer | None:
    """Return what a further process that was begun before came to; None where it may begin now.

    Raises Conflict where nothing can.
    """
    before = job.engine.containers.once(record.id, job.operation.pk)
    if before is not None and before.state == "begun":
        return HandedOver(record.version)
    if before is not None:
        return Done(_ended(before).result or {})
    if record.state != "running":
        raise Conflict(f"the container is {record.state}, not running")
    return None


def _before(job: Job, container: str) -> OnceRecord | None:
    """Return how a former attempt ended, None where there was none. Raises Interrupted."""
    before = job.engine.containers.once(container, job.operation.pk)
    return _ended(before) if before is not None else None


def _ended(before: OnceRecord) -> OnceRecord:
    if before.fault is not None:
        raise Recorded(dict(before.fault))
    if before.state != "done":
        raise Interrupted("interrupted, effect unknown: it was begun and is not repeated")
    return before
