"""An ASGI application that shows what the server does, run by conftest.py."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
FLOOD = b"x" * 16_384
COUNTS = {"sent": 0, "received": 0, "disconnected": 0}


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await websocket(scope, receive, send)
        return
    handler = ROUTES.get(scope["path"], not_there)
    await handler(scope, receive, send)


async def websocket(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    if scope["path"] == "/sleepy":
        await asyncio.sleep(3600)
    while True:
        await send({"type": "websocket.send", "bytes": FLOOD})
        COUNTS["sent"] += len(FLOOD)


async def flood(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    try:
        while True:
            await send({"type": "http.response.body", "body": FLOOD, "more_body": True})
            COUNTS["sent"] += len(FLOOD)
    finally:
        COUNTS["disconnected"] += 1


async def idle(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"first\n", "more_body": True})
    await receive()
    while (await receive())["type"] != "http.disconnect":
        pass
    COUNTS["disconnected"] += 1


async def upload(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    query = scope["query_string"]
    if query == b"refuse":
        await answer(send, 403, {"code": "refused"})
        return
    if query == b"sleepy":
        await asyncio.sleep(3600)
    total = chunks = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            COUNTS["disconnected"] += 1
            return
        total += len(message["body"])
        chunks += 1
        COUNTS["received"] = total
        if not message["more_body"]:
            await answer(send, 200, {"total": total, "chunks": chunks})
            return


async def echo(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    total, more = 0, True
    while more:
        message = await receive()
        total += len(message.get("body", b""))
        more = message.get("more_body", False)
    await answer(send, 200, {"total": total})


async def counts(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    await answer(send, 200, COUNTS)


async def not_there(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    await answer(send, 404, {"path": scope["path"]})


async def answer(send: Send, status: int, plain: dict[str, Any]) -> None:
    body = json.dumps(plain).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


ROUTES = {
    "/flood": flood,
    "/idle": idle,
    "/api/v1/images/load": upload,
    "/echo": echo,
    "/counts": counts,
}


def main() -> None:
    from panel.server.endpoints import Endpoint
    from panel.server.server import Server

    port, *tls = sys.argv[1:]
    certificate, key = tls or ("", "")
    import logging

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    endpoint = Endpoint(host="127.0.0.1", port=int(port), certificate=certificate, key=key)
    server = Server(application, [str(endpoint)])
    server.run()
    sys.exit(1 if server.failed else 0)


if __name__ == "__main__":
    main()
