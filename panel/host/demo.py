"""What `--demo` shows: a container from a real image that prints a line each second."""

from __future__ import annotations

import time

from django.conf import settings

from panel.accounts.actors import for_user
from panel.accounts.models import Team, User
from panel.host.errors import HostRefused
from panel.inventory.images import project_images
from panel.inventory.models import Container
from panel.inventory.queries import containers_of
from panel.operations.models import UNFINISHED, Operation, Status
from panel.operations.submit import submit
from runtime.config import EngineConfig
from runtime.engine import Engine

NAME = "demo"
SCRIPT = 'n=0; while true; do n=$((n+1)); echo "line $n at $(date -u +%H:%M:%S)"; sleep 1; done'
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.1


def run_demo() -> Container:
    """Make the starter image and have a worker run the container; return it once it runs.

    A demo of an earlier start is started again where it has ended. Raises HostRefused.
    """
    user = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    team = Team.objects.order_by("created").first()
    if user is None or team is None:
        raise HostRefused("there is no superuser or no team yet: run `manage.py up` first")
    actor = for_user(user.pk, team.slug)
    if actor is None:
        raise HostRefused(f"{user.username} has no part in the team {team.slug}")
    container = containers_of(team.pk).filter(name=NAME).first()
    if container is None:
        spec = {"image": _starter(team), "name": NAME, "command": ["sh", "-c", SCRIPT]}
        operation = submit("container.create", actor=actor, params={"spec": spec, "start": True})
    elif container.state != "running":
        operation = submit("container.start", actor=actor, target=container.pk)
    else:
        return container
    ended = _wait(operation)
    if ended.status != Status.SUCCEEDED:
        raise HostRefused(f"the demo's operation {ended.pk} {ended.status}: {ended.error}")
    return Container.objects.get(pk=ended.target)


def _starter(team: Team) -> str:
    """Make the starter image for `team` and return its reference."""
    config = EngineConfig(
        data_root=settings.DATA_ROOT, run_root=settings.RUN_ROOT, id_base=settings.ID_BASE
    )
    with Engine.open(config) as engine:
        image = engine.images.starter(team.slug)
        project_images(settings.NODE_NAME, engine.images.list(team.slug), team=team)
    return image.references[0]


def _wait(operation: Operation) -> Operation:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        row = Operation.objects.get(pk=operation.pk)
        if row.status not in UNFINISHED:
            return row
        time.sleep(POLL_SECONDS)
    raise HostRefused(f"no worker has finished the operation {operation.pk} in time")
