"""Start a further process in a running container."""

from __future__ import annotations

from runtime.containers.hand_over import hand_over, recorded
from runtime.containers.site import Site
from runtime.events import Sink
from runtime.shim.protocol import Execute
from runtime.spec.execution import ExecSpec
from runtime.state import durable


@durable.told()
def execute(
    site: Site,
    container: str,
    exec_spec: ExecSpec,
    *,
    operation: str,
    sink: Sink,  # noqa: ARG001 - its end comes as an event of the shim
) -> None:
    """Begin a process, once for each operation; see `runtime.engine.Containers.execute`."""
    site.ledger(container).load()
    if recorded(site, container, operation) is not None:
        return
    order = Execute(container=container, operation=operation, spec=exec_spec.to_json())
    hand_over(site, order, "execute")
