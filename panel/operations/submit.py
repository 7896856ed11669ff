"""Promise an operation: permission, parameters, policy, then one row in one transaction."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from panel.accounts.actors import Actor, digest
from panel.accounts.models import Team
from panel.accounts.permissions import require
from panel.eventlog.append import take_number
from panel.inventory.models import Container
from panel.inventory.project import keep_place
from panel.inventory.queries import usage_of
from panel.operations import kinds
from panel.operations.doorbell import ring_on_commit
from panel.operations.kinds import About, Kind
from panel.operations.models import Operation, Status
from panel.operations.params import Owner, check_reference, create_spec, parse
from panel.operations.story import tell
from panel.policy.judge import judge, judge_session
from panel.policy.teams import rules_of
from runtime.errors import InvalidSpec, NotFound
from runtime.spec.amendment import Amendment
from runtime.spec.container import ContainerSpec

TICKET_LIFE = timedelta(seconds=30)


def submit(
    code: str,
    *,
    actor: Actor,
    target: str | None = None,
    params: Mapping[str, Any] | None = None,
    node: str | None = None,
) -> Operation:
    """Queue an operation of the kind `code` and return its row; the doorbell rings on commit.

    `target` is a container's id or an image reference; a create has none, its container's id is
    minted here. `node` counts for what is not on one yet, the default is this one. Raises
    NotAllowed, Refused, InvalidSpec, NotFound, Conflict (the name is taken).
    """
    kind = kinds.find(code)
    if kind.klass != "change":
        raise InvalidSpec("kind", f"{code} is a stream: ask for a ticket")
    operation = _prepare(kind, actor, target, params or {}, node)
    with transaction.atomic():
        if kind is kinds.CONTAINER_CREATE:
            _admit(operation)
        elif kind is kinds.CONTAINER_UPDATE:
            _admit_change(operation)
        # From here to the commit the log's counter is locked: numbers and commits have one order.
        operation.number = take_number()
        operation.rung = timezone.now()
        operation.save(force_insert=True)
        ring_on_commit(operation)  # first: a worker sets out while the pages are told
        tell(operation, seq=operation.number)
    return operation


def grant_stream(
    code: str,
    *,
    actor: Actor,
    target: str | None = None,
    params: Mapping[str, Any] | None = None,
    node: str | None = None,
) -> tuple[Operation, str]:
    """Grant one stream and return its row and the ticket that opens it once, within 30 seconds.

    Raises NotAllowed, InvalidSpec, NotFound.
    """
    kind = kinds.find(code)
    if kind.klass != "stream":
        raise InvalidSpec("kind", f"{code} is no stream")
    operation = _prepare(kind, actor, target, params or {}, node)
    ticket = secrets.token_urlsafe(32)
    operation.ticket_sha256 = digest(ticket)
    operation.ticket_expires = timezone.now() + TICKET_LIFE
    with transaction.atomic():
        operation.number = take_number()
        operation.save(force_insert=True)
    return operation, ticket


def owner_of(team: Team) -> Owner:
    """Return what a team's row says about its specs."""
    return Owner(namespace=team.slug, id_range=team.id_range)


def _prepare(
    kind: Kind, actor: Actor, target: str | None, params: Mapping[str, Any], node: str | None
) -> Operation:
    require(actor, kind.action)
    if kind.code in kinds.INTERACTIVE:
        judge_session(rules_of(actor.team_id), None).enforce()
    team = Team.objects.get(pk=actor.team_id)
    return Operation(
        id=uuid.uuid4().hex,
        kind=kind.code,
        klass=kind.klass,
        status=Status.QUEUED.value,
        exclusive=kind.exclusive,
        team=team,
        user_id=actor.user_id,
        token=actor.token_id,
        params=parse(kind.code, params, owner=owner_of(team)),
        **_place(kind, actor, target, node),
    )


def _place(kind: Kind, actor: Actor, target: str | None, node: str | None) -> dict[str, str]:
    here = node or str(settings.NODE_NAME)
    if kind is kinds.CONTAINER_CREATE:
        return {"target": uuid.uuid4().hex, "node": here}
    if kind.about is About.NOTHING:
        return {"target": "", "node": here}
    if not target:
        raise InvalidSpec(kind.about.value, "is required")
    if kind.about is About.IMAGE:
        check_reference(target)
        return {"target": target, "node": here}
    there = Container.objects.filter(pk=target, team_id=actor.team_id, deleted=False)
    container = there.only("node").first()
    if container is None:
        raise NotFound("container", target)
    return {"target": container.pk, "node": container.node}


def _admit(operation: Operation) -> None:
    """Judge a create by the team's rules and keep its place in the inventory."""
    spec = create_spec(operation.params, owner=owner_of(operation.team))
    # Of several creates of one team at once each must see what the others were given. The key
    # stays free: whoever writes an event of the team holds the log's counter and refers to it.
    Team.objects.select_for_update(no_key=True).get(pk=operation.team_id)
    verdict = judge(spec, rules_of(operation.team_id), usage_of(operation.team_id), None)
    verdict.enforce()
    keep_place(operation.target, spec, team_id=operation.team_id, node=operation.node)


def _admit_change(operation: Operation) -> None:
    """Judge a container as it would be by the team's rules; its worker keeps the room for it.

    Raises Refused, InvalidSpec for what contradicts the rest of the spec.
    """
    row = Container.objects.only("record").get(pk=operation.target)
    now = ContainerSpec.from_json(row.record["spec"])
    spec = Amendment.from_json(operation.params).applied(now)
    usage = usage_of(operation.team_id, without=operation.target)
    judge(spec, rules_of(operation.team_id), usage, None).enforce()
