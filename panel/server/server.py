"""The server: Daphne's, with our connections and with replies that wait for their reader."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

from daphne.server import Server as DaphneServer
from twisted.internet import defer, reactor
from twisted.internet.endpoints import serverFromString
from twisted.logger import globalLogBeginner

from panel.server.access import line
from panel.server.flow import Inbox
from panel.server.http import ChannelFactory
from panel.server.limits import MESSAGE_LIMIT
from panel.server.websocket import WebSocketFactory

logger = logging.getLogger("panel.server")
access_log = logging.getLogger("panel.server.access")

GONE_PAUSE_SECONDS = 0.05
PROXY_HEADERS = {
    "proxy_forwarded_address_header": "X-Forwarded-For",
    "proxy_forwarded_port_header": "X-Forwarded-Port",
    "proxy_forwarded_proto_header": "X-Forwarded-Proto",
}


class Server(DaphneServer):  # type: ignore[misc]  # daphne has no types
    """Serves one ASGI application until SIGTERM or SIGINT.

    No answer has a time limit: `?wait=` and followed streams stay open as long as their client.
    `behind_proxy` believes the X-Forwarded headers of whoever connects.
    """

    def __init__(
        self, application: Any, endpoints: Sequence[str], *, behind_proxy: bool = False
    ) -> None:
        super().__init__(
            application,
            endpoints=list(endpoints),
            http_timeout=None,
            application_close_timeout=5,
            websocket_timeout=-1,
            websocket_max_message_size=MESSAGE_LIMIT,
            websocket_max_frame_size=MESSAGE_LIMIT,
            server_name="moorage",
            action_logger=_log_access,
            **(PROXY_HEADERS if behind_proxy else {}),
        )
        self.connections: dict[Any, dict[str, Any]] = {}
        self.failed = False

    def run(self) -> None:
        """Listen and serve; `failed` tells afterwards whether an address could not be had."""
        self.http_factory = ChannelFactory(self)
        self.ws_factory = WebSocketFactory(self, server=self.server_name)
        self.ws_factory.setProtocolOptions(
            autoPingTimeout=self.ping_timeout,
            allowNullOrigin=True,
            openHandshakeTimeout=self.websocket_handshake_timeout,
            maxMessagePayloadSize=self.websocket_max_message_size,
            maxFramePayloadSize=self.websocket_max_frame_size,
        )
        globalLogBeginner.beginLoggingTo(
            [lambda _: None], redirectStandardIO=False, discardBuffer=True
        )
        reactor.callLater(1, self.application_checker)
        reactor.callLater(2, self.timeout_checker)
        for endpoint in self.endpoints:
            listening = serverFromString(reactor, endpoint).listen(self.http_factory)
            listening.addCallbacks(self.listen_success, self.listen_error)
        asyncio.set_event_loop(reactor._asyncioEventloop)
        reactor.addSystemEventTrigger("before", "shutdown", self.kill_all_applications)
        if not self.abort_start:
            reactor.run(installSignalHandlers=self.signal_handlers)

    def listen_error(self, failure: Any) -> None:
        """Give up: an address cannot be had."""
        self.failed = True
        super().listen_error(failure)

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> asyncio.Queue[Any] | None:
        """Start the application for one request or socket; return where its input goes.

        A streamed request has its own inbox. Daphne then gets a queue that nobody reads, for it
        says "the body is empty" to the one that is returned.
        """
        if protocol not in self.connections:
            return None
        scope.setdefault("asgi", {"version": "3.0"})
        streamed = getattr(protocol, "streamed", None)
        inbox = streamed if streamed is not None else _inbox(protocol)
        send = partial(self.handle_reply, protocol)
        running = self.application(scope=scope, receive=inbox.get, send=send)
        # A new context: this may be called from the end of the connection's last request, whose
        # executors (asgiref) are gone by the time that this one needs some.
        task = asyncio.get_event_loop().create_task(running, context=contextvars.Context())
        self.connections[protocol]["application_instance"] = task
        return asyncio.Queue() if streamed is not None else inbox

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Write `message`, and return when the client has taken enough for more to be written."""
        if self._is_gone(protocol):
            # Nobody is there. An application that goes on sending must not keep the loop busy
            # until it is cancelled.
            await asyncio.sleep(GONE_PAUSE_SECONDS)
            return
        await super().handle_reply(protocol, message)
        await protocol.drained()

    def _is_gone(self, protocol: Any) -> bool:
        details = self.connections.get(protocol)
        return details is None or bool(details.get("disconnected"))

    def kill_all_applications(self) -> Any:
        """Cancel what still runs, at shutdown, and wait until it is over."""
        running = [
            details["application_instance"]
            for details in self.connections.values()
            if "application_instance" in details and not details["application_instance"].done()
        ]
        for application in running:
            application.cancel()
        gathered = asyncio.gather(*running, return_exceptions=True)
        return defer.Deferred.fromFuture(gathered)


def _inbox(protocol: Any) -> Inbox:
    """Return an inbox that stops the socket's reading; a collected body is bounded already."""
    if hasattr(protocol, "pause_body"):
        return Inbox(pause=protocol.pause_body, resume=protocol.resume_body)
    return Inbox(pause=_nothing, resume=_nothing)


def _nothing() -> None:
    """Leave the socket alone."""


def _log_access(_protocol: Any, action: str, details: dict[str, Any]) -> None:
    access_log.info("%s", line(action, details))
