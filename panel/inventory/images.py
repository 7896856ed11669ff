"""The picture of which images a node has for a team."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from panel.accounts.models import Team
from panel.inventory.models import Image
from panel.inventory.project import moment
from runtime.events import ImageSummary


@transaction.atomic
def project_images(node: str, summaries: Iterable[ImageSummary], *, team: Team) -> bool:
    """Make the team's rows on `node` what the engine lists, and say whether anything changed."""
    wanted = {one.id: one for one in summaries if one.namespace == team.slug}
    known = {row.image_id: row for row in Image.objects.filter(team=team, node=node)}
    gone = known.keys() - wanted.keys()
    if gone:
        Image.objects.filter(team=team, node=node, image_id__in=gone).delete()
    changed = [one for one in wanted.values() if _differs(known.get(one.id), one)]
    for one in changed:
        Image.objects.update_or_create(
            team=team,
            node=node,
            image_id=one.id,
            defaults={
                "references": list(one.references),
                "size": one.size,
                "architecture": one.architecture,
                "created": moment(one.created_ns),
            },
        )
    return bool(gone or changed)


def _differs(row: Image | None, summary: ImageSummary) -> bool:
    if row is None:
        return True
    return (row.references, row.size) != (list(summary.references), summary.size)
