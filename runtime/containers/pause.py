"""Let a container stand still."""

from __future__ import annotations

from runtime.containers.hand_over import hand_over, tell
from runtime.containers.site import Site
from runtime.events import ContainerRecord, Sink
from runtime.shim.protocol import Pause
from runtime.state import durable


@durable.told()
def pause(site: Site, container: str, *, sink: Sink) -> ContainerRecord:
    """Freeze the container, unless it is frozen; see `runtime.engine.Containers.pause`."""
    version = hand_over(site, Pause(container=container), "pause")
    if version is not None:
        tell(site, container, action="paused", version=version, sink=sink)
    return site.ledger(container).load().record
