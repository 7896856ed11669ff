"""Compose the agent: one engine, one stream server, a crew of three that repeat."""

from __future__ import annotations

import grp
import logging
import os
import pwd
import signal
import sys
import threading
from functools import partial

from django.conf import settings

from panel.agent.crew import Crew
from panel.agent.heartbeat import beat_until
from panel.agent.relay import relay_until
from panel.agent.rounds import reconcile_until
from panel.agent.streams import Desk
from panel.schema import SchemaUnknown, require_known_schema
from runtime.config import EngineConfig
from runtime.engine import Engine
from runtime.errors import RuntimeFault
from runtime.streams.server import ServerOptions, StreamServer

SERVICE_USER = "moorage"
STOP_SECONDS = 5.0

logger = logging.getLogger(__name__)


def serve() -> int:
    """Serve the node until SIGTERM or SIGINT; return 1 with one sentence where it cannot.

    An agent that lacks one of its threads looks healthy and is not: it ends, with 1, and whoever
    watches over it starts it again.
    """
    config = EngineConfig(
        data_root=settings.DATA_ROOT, run_root=settings.RUN_ROOT, id_base=settings.ID_BASE
    )
    try:
        require_known_schema()
        engine = Engine.open(config)
    except (SchemaUnknown, RuntimeFault) as refused:
        sys.stderr.write(f"agent: {refused}\n")
        return 1
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    node = str(settings.NODE_NAME)
    desk = Desk(engine=engine, uploads=config.uploads, node=node, over=over)
    server = StreamServer(_options(), desk.serve)
    server.start()
    crew = Crew(over)
    crew.start("heartbeat", partial(beat_until, over, node))
    crew.start("relay", partial(relay_until, over, engine, node))
    crew.start("reconciler", partial(reconcile_until, over, engine, node, config.uploads))
    logger.info("serving node %s, engine %s", node, engine.instance)
    over.wait()
    server.stop(timeout_seconds=STOP_SECONDS)
    crew.join(timeout_seconds=STOP_SECONDS)
    engine.close()
    return 1 if crew.lost else 0


def _options() -> ServerOptions:
    """Return where the socket is and who may speak to it: root and the web's user."""
    directory = f"{settings.RUN_ROOT}/agent"
    os.makedirs(directory, mode=0o750, exist_ok=True)
    try:
        user = pwd.getpwnam(SERVICE_USER).pw_uid
        group = grp.getgrnam(SERVICE_USER).gr_gid
    except KeyError:
        user = group = 0
    os.chown(directory, 0, group)
    os.chmod(directory, 0o750)  # noqa: S103  # the web user enters it
    return ServerOptions(path=f"{directory}/stream", group=group, uids=frozenset({user}))
