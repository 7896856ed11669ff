"""One HTTP connection and its requests (Twisted, Daphne)."""

from __future__ import annotations

import json
import logging
from typing import Any

from daphne.http_protocol import HTTPFactory, WebRequest
from twisted.web import http

from panel.server.flow import Inbox, WriteGate
from panel.server.limits import (
    BODY_LIMIT,
    LINGER_SECONDS,
    STALL_SECONDS,
    streams_its_body,
)

logger = logging.getLogger(__name__)


class Request(WebRequest):  # type: ignore[misc]  # daphne has no types
    """A request whose answer is sent no faster than the client takes it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # The application parses forms; doing it here would hold the body in memory twice.
        self._parsePOSTFormSubmission = False
        self.gate = WriteGate()
        self.streamed: Inbox | None = None
        self.refused = False
        self.application_queue: Any = None
        self._complete = False
        self._received = 0

    def begin(self, command: bytes, uri: bytes, version: bytes) -> None:
        """Start the application before the body has come; the chunks follow."""
        channel = self.channel
        self.streamed = Inbox(pause=channel.pause_body, resume=channel.resume_body)
        super().requestReceived(command, uri, version)

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Hand a chunk of the body on, or collect it up to the limit."""
        if self.refused or self.finished:
            return
        if self.streamed is not None:
            self.streamed.put_nowait({"type": "http.request", "body": data, "more_body": True})
            return
        self._received += len(data)
        if self._received > BODY_LIMIT:
            self.channel.refuse_body(self)
            return
        super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802
        """Take note that the body is complete."""
        self._complete = True
        if self.refused:
            return
        if self.streamed is None:
            super().requestReceived(command, path, version)
        elif not self.finished:
            self.streamed.put_nowait({"type": "http.request", "body": b"", "more_body": False})

    def process(self) -> Any:
        """Start the application, with the gate in front of the socket."""
        if not self.requestHeaders.hasHeader(b"Upgrade"):
            self.channel.registerProducer(self.gate, True)
        done = super().process()
        if self.streamed is not None and self.application_queue is not None:
            # Daphne believed the body was empty and told another queue so; see Server.
            self.application_queue = self.streamed
        return done

    async def drained(self) -> None:
        """Wait until the client took what was written to it, or cut it when it takes nothing."""
        try:
            await self.gate.passed(STALL_SECONDS)
        except TimeoutError:
            logger.warning("cut %s, which takes nothing of its answer", self.client_addr)
            if self.channel is not None:
                self.channel.forceAbortClient()

    def handle_exception(self, exception: BaseException) -> None:
        """Answer 500, or cut an answer that has begun so that it is not taken for complete."""
        if not self._response_started:
            super().handle_exception(exception)
        elif self.channel is not None:
            self.channel.forceAbortClient()

    @property
    def answered_early(self) -> bool:
        """Say whether the answer is there while the body is still coming."""
        return self.streamed is not None and not self._complete

    def finish(self) -> None:
        """End the answer."""
        self.gate.stopProducing()
        if self.channel is not None:
            self.channel.unregisterProducer()
        super().finish()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802 - Twisted's name
        """Let a waiting application go on; what it writes is dropped."""
        self.gate.stopProducing()
        super().connectionLost(reason)


class Channel(http.HTTPChannel):  # type: ignore[misc]  # twisted is not typed here
    """One connection: decides by the headers how a body is taken, and bounds it."""

    requestFactory = Request  # noqa: N815 - Twisted's name
    _lingering = False

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Read on, unless all there is to do is to let a refused client finish."""
        if not self._lingering:
            super().dataReceived(data)

    def allHeadersReceived(self) -> None:  # noqa: N802 - Twisted's name
        """Refuse a body that is announced too long; begin a streamed one."""
        request: Request = self.requests[-1]
        streamed = self.length != 0 and streams_its_body(self._command, self._path)
        if not streamed and self.length is not None and self.length > BODY_LIMIT:
            self.refuse_body(request)
            return
        super().allHeadersReceived()
        if streamed:
            request.begin(self._command, self._path, self._version)

    def requestDone(self, request: Request) -> None:  # noqa: N802 - Twisted's name
        """Go on to the next request, or linger when this one was answered before its body came."""
        if request.answered_early:
            self.requests.remove(request)
            self._linger()
        else:
            super().requestDone(request)

    def pause_body(self) -> None:
        """Read no more of the body; that is our doing, so the idle timeout rests."""
        self.setTimeout(None)
        self._networkProducer.pauseProducing()

    def resume_body(self) -> None:
        """Read on."""
        if not self._handlingRequest:
            self.setTimeout(self.timeOut)
        self._networkProducer.resumeProducing()

    def refuse_body(self, request: Request) -> None:
        """Answer 413 and close."""
        request.refused = True
        body = json.dumps(
            {
                "type": "about:blank",
                "title": "Content Too Large",
                "status": 413,
                "detail": f"the body is longer than {BODY_LIMIT} bytes",
                "code": "too_large",
            }
        ).encode()
        head = (
            b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n"
            b"Content-Type: application/problem+json\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        self.transport.write(head + body)
        request.server.protocol_disconnected(request)
        uri = getattr(self, "_path", b"").decode("ascii", "replace")
        request.server.log_action("http", "refused", {"path": uri, "status": 413})
        self.requests.remove(request)
        self._linger()

    def _linger(self) -> None:
        """Drop what still comes for a moment: closing at once would reset the connection, and
        the client could lose the answer that it has not read yet (RFC 9112, 9.6)."""
        self._lingering = True
        self.persistent = False
        self._networkProducer.resumeProducing()
        self.callLater(LINGER_SECONDS, self.loseConnection)


class ChannelFactory(HTTPFactory):  # type: ignore[misc]  # daphne has no types
    """Makes a Channel for each connection. HTTP/1.1 only, whatever else Twisted could speak."""

    def buildProtocol(self, addr: Any) -> Channel:  # noqa: N802, ARG002 - Twisted's name
        """Return the protocol of a new connection."""
        channel = Channel()
        channel.factory = self
        channel.site = self
        channel.callLater = self.reactor.callLater
        channel.timeOut = self.timeOut
        return channel

    def acceptableProtocols(self) -> list[bytes]:  # noqa: N802 - Twisted's name
        """Return what ALPN may choose (RFC 7301)."""
        return [b"http/1.1"]
