"""Change what may be changed of a container that is there."""

from __future__ import annotations

from django.db import transaction

from panel.accounts.models import Team
from panel.inventory.project import keep_room
from panel.inventory.queries import usage_of
from panel.operations.params import parse
from panel.operations.submit import owner_of
from panel.policy.judge import judge
from panel.policy.teams import rules_of
from panel.worker.handlers.containers import own, told
from panel.worker.job import Answer, Done, Job
from runtime.errors import RuntimeFault
from runtime.events import ContainerRecord
from runtime.spec.amendment import Amendment
from runtime.spec.container import ContainerSpec


def update(job: Job) -> Answer:
    """Change limits and restart policy; on a takeover only what a former attempt had not.

    The room is kept before the engine is asked, and given back where that refuses: so of several
    that want the rest of a budget one gets it.
    """
    operation = job.operation
    record = own(job)
    amendment = Amendment.from_json(
        parse(operation.kind, operation.params, owner=owner_of(operation.team))
    )
    if job.engine.containers.once(record.id, operation.pk) is None:
        _keep_room(job, record, amendment.applied(ContainerSpec.from_json(record.spec)))
    try:
        changed = job.engine.containers.update(
            record.id, amendment, operation=operation.pk, sink=job.sink
        )
    except RuntimeFault:
        keep_room(record.id, ContainerSpec.from_json(record.spec).limits)
        raise
    return Done(told(changed))


def _keep_room(job: Job, record: ContainerRecord, spec: ContainerSpec) -> None:
    """Judge the container as it would be, by what holds now, and count it so. Raises Refused."""
    team, ceiling = job.operation.team_id, job.ceiling()
    with transaction.atomic():
        Team.objects.select_for_update(no_key=True).get(pk=team)
        usage = usage_of(team, without=record.id)
        judge(spec, rules_of(team), usage, ceiling).enforce()
        keep_room(record.id, spec.limits)
