"""Images: list, load an archive, delete."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from panel.accounts.actors import Actor
from panel.accounts.permissions import Action, require
from panel.api import present
from panel.api.door import route, wait_seconds
from panel.api.pages import page
from panel.api.replies import changed
from panel.api.streaming import chunks_of
from panel.database.sharing import giving_back
from panel.inventory.models import Image
from panel.inventory.queries import images_of
from panel.operations import kinds
from panel.operations.submit import grant_stream
from runtime.errors import InvalidSpec, NotFound
from runtime.oci.reference import parse_reference
from runtime.streams.client import open_stream


def _list(request: HttpRequest, actor: Actor) -> HttpResponseBase:
    require(actor, Action.IMAGE_VIEW)
    rows = images_of(actor.team_id).select_related("team")
    return page(request, rows, present.image, keys=("image_id", "id"))


async def _load(request: HttpRequest, actor: Actor) -> HttpResponseBase:
    """Hand the body on to the node as it comes, then queue the load of what was stored."""
    wait_seconds(request)
    length = request.headers.get("Content-Length", "")
    size = int(length) if length.isdecimal() else None
    if size == 0:
        raise InvalidSpec("body", "is empty; send the archive itself")
    operation, ticket = await sync_to_async(giving_back(grant_stream))(
        kinds.IMAGE_UPLOAD.code, actor=actor, params={"size": size}
    )
    async with open_stream(f"{settings.RUN_ROOT}/agent/stream", ticket) as stream:
        async for chunk in chunks_of(request):
            await stream.upload(chunk)
        await stream.finish()
    return await changed(request, actor, kinds.IMAGE_LOAD.code, params={"upload": operation.pk})


async def _delete(request: HttpRequest, actor: Actor, reference: str) -> HttpResponseBase:
    require(actor, Action.IMAGE_DELETE)
    await sync_to_async(_find)(actor, reference)
    return await changed(request, actor, kinds.IMAGE_DELETE.code, target=reference)


def _find(actor: Actor, name: str) -> Image:
    """Return the team's image with this reference, id, or beginning of an id."""
    wanted = {name, name.removeprefix("sha256:")}
    try:
        wanted.add(str(parse_reference(name)))
    except InvalidSpec:
        pass
    for row in images_of(actor.team_id):
        short = row.image_id.removeprefix("sha256:")
        if wanted & {row.image_id, short, *row.references}:
            return row
        if len(name) >= 12 and short.startswith(name.removeprefix("sha256:")):
            return row
    raise NotFound("image", name)


collection = route(GET=_list)
load = route(POST=_load)
detail = route(DELETE=_delete)
