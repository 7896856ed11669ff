"""Let a paused container go on."""

from __future__ import annotations

from runtime.containers.hand_over import hand_over, tell
from runtime.containers.site import Site
from runtime.events import ContainerRecord, Sink
from runtime.shim.protocol import Resume
from runtime.state import durable


@durable.told()
def resume(site: Site, container: str, *, sink: Sink) -> ContainerRecord:
    """Thaw the container, unless it runs; see `runtime.engine.Containers.resume`."""
    version = hand_over(site, Resume(container=container), "resume")
    if version is not None:
        tell(site, container, action="resumed", version=version, sink=sink)
    return site.ledger(container).load().record
