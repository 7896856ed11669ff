"""Say what is known of containers."""

from __future__ import annotations

import os

from runtime.containers.site import Site
from runtime.errors import RuntimeFault
from runtime.events import ContainerRecord, OnceRecord
from runtime.state import once as marks


def inspect(site: Site, container: str) -> ContainerRecord:
    """Return a container's record."""
    return site.ledger(container).load().record


def list_all(site: Site) -> list[ContainerRecord]:
    """Return all records, oldest first. One that is damaged is left out: fsck tells of it."""
    records = []
    for container in identities(site):
        try:
            records.append(inspect(site, container))
        except (RuntimeFault, OSError):  # deleted this moment, damaged, or no container at all
            continue
    return sorted(records, key=lambda record: (record.created_ns, record.id))


def once(site: Site, container: str, operation: str) -> OnceRecord | None:
    """Return what is recorded of a once operation."""
    inspect(site, container)
    return marks.load(site.directory(container), operation)


def identities(site: Site) -> list[str]:
    """Return the ids of all containers."""
    return sorted(name for name in os.listdir(site.config.containers) if name[0] != ".")
