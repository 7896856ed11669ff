"""Request bodies that are taken chunk by chunk, where Django would first store them whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from django.http import HttpRequest

from runtime.errors import Cancelled

UPLOAD = "/api/v1/images/load"
STREAM = "moorage.body"
CHUNK = 256 * 1024

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Body:
    """The body of one request: `chunks` for the view, `receive` for Django.

    Django sees an empty body, and after it only whether the client has gone.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._announced = False
        self._over = asyncio.Event()
        self._gone = False

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes. Raises Cancelled when the client breaks off."""
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._gone = True
                self._over.set()
                raise Cancelled("the client went away before the body was complete")
            if message["body"]:
                yield message["body"]
            more = message.get("more_body", False)
        self._over.set()

    async def receive(self) -> Message:
        """Return an empty body, and then `http.disconnect` once the client is gone."""
        if not self._announced:
            self._announced = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._over.wait()
        return {"type": "http.disconnect"} if self._gone else await self._receive()


class StreamedBodies:
    """Puts a `Body` in front of the routes that stream theirs; everything else passes."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["method"] == "POST" and scope["path"].rstrip("/") == UPLOAD:
            body = Body(receive)
            await self._application({**scope, STREAM: body}, body.receive, send)
        else:
            await self._application(scope, receive, send)


def chunks_of(request: HttpRequest) -> AsyncIterator[bytes]:
    """Return the chunks of a request's body, also where it was stored whole (another server)."""
    body = getattr(request, "scope", {}).get(STREAM)
    return body.chunks() if isinstance(body, Body) else _stored(request)


async def _stored(request: HttpRequest) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(request.read, CHUNK):
        yield chunk
