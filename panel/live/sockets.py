"""What all sockets have in common: who may stay, and with which code one is sent away."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, ClassVar
from urllib.parse import parse_qs

from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import Error

from panel.accounts.actors import Actor
from panel.accounts.permissions import Action, may
from panel.accounts.standing import until_forbidden
from panel.database.sharing import in_thread
from panel.inventory.models import Container
from panel.inventory.queries import find_container
from panel.live.door import actor_of, still_there
from runtime.errors import InvalidSpec, NotFound, RuntimeFault

CLOSED_BAD_REQUEST = 4400
CLOSED_NOT_ALLOWED = 4403
CLOSED_NOT_FOUND = 4404
CLOSED_CONFLICT = 4409
CLOSED_FETCH_AGAIN = 4410
CLOSED_UNAVAILABLE = 4503
CODES = {
    "gone": CLOSED_FETCH_AGAIN,
    "not_found": CLOSED_NOT_FOUND,
    "not_allowed": CLOSED_NOT_ALLOWED,
    "conflict": CLOSED_CONFLICT,
}
BUSY = "the database is busy; try again"
LARGEST_NUMBER = (1 << 63) - 1


class Socket(AsyncWebsocketConsumer, ABC):  # type: ignore[misc]  # channels has no types
    """One open socket. Subclasses say which action it needs and what runs while it is open."""

    action: ClassVar[Action]
    actor: Actor
    # There is no such layer: sockets that want notices ask for them, and stay without a broker.
    channel_layer_alias = ""

    async def connect(self) -> None:
        """Accept who may, and start; everybody else is refused at the handshake, all alike."""
        self._tasks: list[asyncio.Task[None]] = []
        try:
            actor = await in_thread(actor_of)(self.scope)
            admitted = actor is not None and await self._admits(actor)
        except Error:
            await self.accept()  # a refused handshake has no code that says to come back
            await self._leave(CLOSED_UNAVAILABLE, BUSY)
            return
        if actor is None or not admitted:
            await self.close()
            return
        self.actor = actor
        await self.accept()
        self._tasks = [
            asyncio.create_task(self._guarded(self.run)),
            asyncio.create_task(self._guarded(self._stay_allowed)),
        ]

    async def disconnect(self, code: int) -> None:  # noqa: ARG002  # channels' signature
        """Stop everything that runs for the socket."""
        me = asyncio.current_task()
        others = [task for task in self._tasks if task is not me]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    @abstractmethod
    async def admits(self, actor: Actor) -> bool:
        """Say whether what the socket is about is there for `actor`."""

    @abstractmethod
    async def run(self) -> None:
        """Send what there is to send; return at the end."""

    async def forbidden(self) -> None:
        """Do what is to be done before somebody is sent away who may not stay."""
        return

    async def tell(self, message: dict[str, Any]) -> None:
        """Send one JSON message; return when the client has taken enough for another one."""
        await self.send(text_data=json.dumps(message, separators=(",", ":")))

    def number(self, name: str) -> int:
        """Return a whole number of the query string, 0 where it is absent. InvalidSpec."""
        values = parse_qs(self.scope["query_string"].decode("latin-1")).get(name, ["0"])
        if not values[-1].isdecimal() or int(values[-1][:20]) > LARGEST_NUMBER:
            raise InvalidSpec(name, f"{values[-1]!r} is not a whole number")
        return int(values[-1])

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except InvalidSpec as fault:
            await self._leave(CLOSED_BAD_REQUEST, str(fault))
        except RuntimeFault as fault:
            await self._leave(CODES.get(fault.code, CLOSED_UNAVAILABLE), str(fault))
        except Error:
            await self._leave(CLOSED_UNAVAILABLE, BUSY)

    async def _leave(self, code: int, reason: str) -> None:
        with suppress(RuntimeError):
            await self.close(code=code, reason=reason[:120])

    async def _stay_allowed(self) -> None:
        """Send away whose user was disabled, left the team, or may no longer do this."""
        await until_forbidden(self._may_stay)
        await self.forbidden()
        await self._leave(CLOSED_NOT_ALLOWED, "no longer allowed")

    async def _may_stay(self) -> bool:
        now = await in_thread(still_there)(self.scope, self.actor)
        return now is not None and await self._admits(now)

    async def _admits(self, actor: Actor) -> bool:
        return may(actor, self.action) and await self.admits(actor)


class ContainerSocket(Socket):
    """A socket about one container of the team's, by the id or name in its address."""

    container: Container

    async def admits(self, actor: Actor) -> bool:
        """Say whether the team has this container."""
        name = self.scope["url_route"]["kwargs"]["container"]
        try:
            self.container = await in_thread(find_container)(actor.team_id, name)
        except NotFound:
            return False
        return True
