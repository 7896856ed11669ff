"""Create, start, stop, pause, resume, rename, delete."""

from __future__ import annotations

from panel.inventory.models import Container
from panel.inventory.project import take_name
from panel.inventory.queries import usage_of
from panel.operations.params import IDENTITY, container_name, create_spec
from panel.operations.submit import owner_of
from panel.policy.judge import judge
from panel.policy.teams import rules_of
from panel.worker.job import Answer, Done, HandedOver, Job
from runtime.errors import Cancelled, InvalidSpec, NotFound, RuntimeFault
from runtime.events import ContainerRecord
from runtime.spec.container import ContainerSpec


def create(job: Job) -> Answer:
    """Create the container, and start it where the parameters say so, once.

    A former attempt may have started it already, and its command may be over.
    """
    operation = job.operation
    spec = judged(job)
    record = job.engine.containers.create(spec, container=operation.target, sink=job.sink)
    if record.state == "created" and operation.params.get("start", True):
        if job.sink.cancelled():
            job.engine.containers.delete(operation.target, sink=job.sink)
            raise Cancelled("the operation was cancelled before the command ran")
        record = job.engine.containers.start(operation.target, sink=job.sink)
    return Done(named(record, spec.name))


def judged(job: Job) -> ContainerSpec:
    """Return the spec of a create, judged anew. Raises Refused, InvalidSpec.

    The row may be forged: namespace and ids come from the team's row, what is allowed at most
    from the ceiling, and nothing runs that is not the very object that was judged.
    """
    operation = job.operation
    spec = create_spec(operation.params, owner=owner_of(operation.team))
    if not IDENTITY.fullmatch(operation.target):
        raise InvalidSpec("target", f"{operation.target!r} is not the id of a container")
    usage = usage_of(operation.team_id, without=operation.target)
    judge(spec, rules_of(operation.team_id), usage, job.ceiling()).enforce()
    return spec


def start(job: Job) -> Answer:
    """Start the container, once more under the ceiling that holds now."""
    record = own(job)
    judge_again(job, record)
    return Done(told(job.engine.containers.start(record.id, sink=job.sink)))


def judge_again(job: Job, record: ContainerRecord) -> None:
    """Judge what was created earlier by what holds now. Raises Refused."""
    spec = ContainerSpec.from_json(record.spec)
    usage = usage_of(job.operation.team_id, without=record.id)
    judge(spec, rules_of(job.operation.team_id), usage, job.ceiling()).enforce()


def stop(job: Job) -> Answer:
    """Hand the stop over; where nothing runs it is over already."""
    record = job.engine.containers.stop(
        own(job).id,
        timeout_seconds=job.operation.params.get("timeout_seconds"),
        operation=job.operation.pk,
        sink=job.sink,
    )
    if record.state in ("running", "paused"):
        return HandedOver(record.version)
    return Done({"exit_code": record.exit_code, "oom_killed": record.oom_killed})


def pause(job: Job) -> Answer:
    """Freeze the container."""
    return Done(told(job.engine.containers.pause(own(job).id, sink=job.sink)))


def resume(job: Job) -> Answer:
    """Let the paused container go on: what it may was judged when it was started."""
    return Done(told(job.engine.containers.resume(own(job).id, sink=job.sink)))


def rename(job: Job) -> Answer:
    """Rename the container: the picture keeps the new name for it before the engine takes it.

    So of two that want one name one gets it; the other is refused and keeps its own.
    """
    record = own(job)
    name = container_name(job.operation.params.get("name"))
    take_name(record.id, name)
    try:
        record = job.engine.containers.rename(record.id, name=name, sink=job.sink)
    except RuntimeFault:
        take_name(record.id, record.spec.get("name") or record.id[:12])
        raise
    return Done(told(record))


def delete(job: Job) -> Answer:
    """Delete the container; one that a former attempt deleted is a success."""
    try:
        container = own(job).id
        force = bool(job.operation.params.get("force", False))
        job.engine.containers.delete(container, force=force, sink=job.sink)
    except NotFound:
        if not job.claim.takeover:
            raise
    return Done({})


def own(job: Job) -> ContainerRecord:
    """Return the engine's record of the target. Raises NotFound for another team's container."""
    if not IDENTITY.fullmatch(job.operation.target):
        raise NotFound("container", job.operation.target)
    record = job.engine.containers.inspect(job.operation.target)
    if record.namespace != job.operation.team.slug:
        raise NotFound("container", job.operation.target)
    return record


def told(record: ContainerRecord) -> dict[str, object]:
    """Return what an operation on a container that is there ends with."""
    name = Container.objects.filter(pk=record.id).values_list("name", flat=True).first()
    return named(record, name)


def named(record: ContainerRecord, name: str | None) -> dict[str, object]:
    """Return the same where the name that the picture shows is known."""
    return {"id": record.id, "name": name or record.id[:12], "state": record.state}
