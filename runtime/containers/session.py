"""Open a session in a running container, and converse with one."""

from __future__ import annotations

import socket

from runtime.containers.hand_over import converse, hand_over, recorded
from runtime.containers.site import Site
from runtime.events import Sink
from runtime.shim.protocol import Attach, OpenSession
from runtime.spec.session import SessionSpec


def open_session(
    site: Site,
    container: str,
    session_spec: SessionSpec,
    *,
    operation: str,
    sink: Sink,  # noqa: ARG001 - its end comes as an event of the shim
) -> None:
    """Begin a session, once for each operation; see `runtime.engine.Containers.open_session`."""
    site.ledger(container).load()
    if recorded(site, container, operation) is not None:
        return
    order = OpenSession(container=container, operation=operation, spec=session_spec.to_json())
    hand_over(site, order, "execute")


def attach(site: Site, container: str, session: str, *, offset: int) -> socket.socket:
    """Return a connection with the session; see `runtime.engine.Containers.attach`."""
    return converse(site, Attach(container=container, session=session, offset=offset))
