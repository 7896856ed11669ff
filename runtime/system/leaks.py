"""Look for what crashes left of containers: unfinished, half removed, or minded by nobody."""

from __future__ import annotations

from runtime.containers.recover import recover, survey
from runtime.containers.site import Site
from runtime.system.fsck import Finding


def leaks(site: Site, *, repair: bool) -> list[Finding]:
    """Return what is left over; `repair` removes or finishes it."""
    # What has ended and is to be removed is left to who knows what still needs it.
    sentences = recover(site, busy=lambda _: True) if repair else survey(site)
    return [
        Finding(kind="leftover", subject=site.instance, detail=sentence, repaired=repair)
        for sentence in sentences
    ]
