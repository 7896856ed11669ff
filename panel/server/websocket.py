"""One WebSocket connection (autobahn, Daphne)."""

from __future__ import annotations

import logging
from typing import Any

from daphne.ws_protocol import WebSocketFactory as DaphneFactory
from daphne.ws_protocol import WebSocketProtocol

from panel.server.flow import WriteGate
from panel.server.limits import STALL_SECONDS

logger = logging.getLogger(__name__)


class WebSocket(WebSocketProtocol):  # type: ignore[misc]  # daphne has no types
    """A socket whose messages are sent no faster than the client takes them."""

    def onConnect(self, request: Any) -> Any:  # noqa: N802 - autobahn's name
        """Put the gate in front of the socket; until now the HTTP channel listened to it."""
        self.gate = WriteGate()
        self.transport.unregisterProducer()
        self.transport.registerProducer(self.gate, True)
        return super().onConnect(request)

    def pause_body(self) -> None:
        """Read no more messages until the application took those that wait."""
        self.transport.pauseProducing()

    def resume_body(self) -> None:
        """Read on."""
        self.transport.resumeProducing()

    async def drained(self) -> None:
        """Wait until the client took what was written to it, or cut it when it takes nothing."""
        try:
            await self.gate.passed(STALL_SECONDS)
        except TimeoutError:
            logger.warning("cut %s, which takes nothing", self.client_addr)
            self.transport.abortConnection()

    def onClose(self, was_clean: bool, code: int, reason: str) -> None:  # noqa: N802
        """Let a waiting application go on; what it writes is dropped."""
        if hasattr(self, "gate"):
            self.gate.stopProducing()
        super().onClose(was_clean, code, reason)

    def _closeConnection(self, abort: bool = False) -> None:  # noqa: N802 - autobahn's name
        # A transport that is to close waits for its producer, and the gate never has an end.
        self.transport.unregisterProducer()
        super()._closeConnection(abort)


class WebSocketFactory(DaphneFactory):  # type: ignore[misc]  # daphne has no types
    """Makes a WebSocket for each upgraded connection."""

    protocol = WebSocket
