"""Load and delete images."""

from __future__ import annotations

from collections.abc import Mapping

from panel.accounts.models import Team
from panel.inventory.images import project_images
from panel.operations import kinds
from panel.operations.models import Operation, Status
from panel.operations.params import IDENTITY
from panel.operations.patience import patiently
from panel.worker.job import Answer, Done, Job
from runtime.errors import InvalidSpec, NotFound


def load(job: Job) -> Answer:
    """Load the images of an upload, which is dropped whatever came of it."""
    upload = _own_upload(job.operation)
    path = f"{job.uploads}/{upload}"
    team = job.operation.team
    job.leftovers.append(path)
    try:
        loaded = job.engine.images.load(path, namespace=team.slug, sink=job.sink)
    except FileNotFoundError:
        raise NotFound("upload", upload) from None
    _project(job, team)
    return Done({"images": [{"id": one.id, "references": list(one.references)} for one in loaded]})


def delete(job: Job) -> Answer:
    """Delete an image, or one of its names, unless a container of the team uses it."""
    team = job.operation.team
    try:
        left = job.engine.images.delete(
            team.slug, job.operation.target, in_use=lambda: _in_use(job, team.slug)
        )
    except NotFound:
        if not job.claim.takeover:
            raise
        return Done({})
    _project(job, team)
    return Done({"id": left.id, "references": list(left.references)})


def _own_upload(operation: Operation) -> str:
    """Return the id of the upload. Raises InvalidSpec, NotFound for one that is not the team's."""
    upload = operation.params.get("upload")
    if not isinstance(upload, str) or not IDENTITY.fullmatch(upload):
        raise InvalidSpec("upload", f"{upload!r} is not the id of an upload")
    mine = Operation.objects.filter(
        pk=upload,
        team_id=operation.team_id,
        kind=kinds.IMAGE_UPLOAD.code,
        status=Status.SUCCEEDED,
    )
    if not mine.exists():
        raise NotFound("upload", upload)
    return upload


def _in_use(job: Job, namespace: str) -> Mapping[str, str]:
    records = job.engine.containers.list()
    return {
        one.image_id: str(one.spec.get("name") or one.id[:12])
        for one in records
        if one.namespace == namespace
    }


def _project(job: Job, team: Team) -> None:
    listed = job.engine.images.list(team.slug)
    patiently(lambda: project_images(job.operation.node, listed, team=team))
