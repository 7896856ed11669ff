"""A session in a container: what the process prints and what is typed, each counted and bounded."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from django.conf import settings

from panel.accounts.actors import Actor
from panel.accounts.permissions import Action
from panel.database.sharing import in_thread
from panel.inventory.queries import find_container
from panel.live.sockets import CLOSED_BAD_REQUEST, Socket
from panel.operations import kinds
from panel.operations.models import UNFINISHED, Operation, Status
from panel.operations.submit import grant_stream
from panel.policy.judge import judge_session
from panel.policy.rules import Refused
from panel.policy.teams import rules_of
from runtime import dialogue
from runtime.dialogue import (
    CHUNK,
    Acknowledge,
    EndOfInput,
    Exit,
    HangUp,
    Input,
    Opened,
    Output,
    Parted,
    Taken,
    Word,
)
from runtime.errors import Conflict, InvalidSpec, NotFound, Unavailable
from runtime.streams.client import Stream, open_stream

BEGINS_WITHIN_SECONDS = 30.0
FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 0.5
LAST_WORD_SECONDS = 10.0
"""How long a client may take to acknowledge the last output."""
LARGEST_OFFSET = (1 << 63) - 1


class Session(Socket):
    """Binary messages are output (a byte of stream, then its bytes) and input; text is JSON."""

    action = Action.CONTAINER_EXEC
    _stream: Stream | None = None
    _opened = False

    async def admits(self, actor: Actor) -> bool:
        """Say whether this is a session of the actor's own, and sessions are allowed."""
        names = self.scope["url_route"]["kwargs"]
        found = await in_thread(_find)(actor, names["container"], names["session"])
        if found is None:
            return False
        self.operation = found
        return True

    async def run(self) -> None:
        """Wait until the session is open, and converse from `?offset=` on."""
        offset = self.number("offset")
        row = await self._begun()
        if row.status == Status.FAILED:
            await self._end({"type": "error", **_told(row.error)})
            return
        _, ticket = await in_thread(grant_stream)(
            kinds.CONTAINER_ATTACH.code,
            actor=self.actor,
            target=row.target,
            params={"session": row.pk, "offset": offset},
        )
        try:
            async with open_stream(f"{settings.RUN_ROOT}/agent/stream", ticket) as stream:
                self._stream = stream
                over = await self._converse(stream)
        except (NotFound, Conflict):
            over = False  # it is over, and nobody has its last words any more
        finally:
            self._stream = None
        if not over:
            await self._end(await self._outcome())

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Pass input and orders on; what is none of them is a mistake of the client's."""
        try:
            words = [_order(text_data)] if bytes_data is None else _pieces(bytes_data)
            if not self._opened:
                raise InvalidSpec("message", "comes before open")
        except InvalidSpec as wrong:
            await self.close(code=CLOSED_BAD_REQUEST, reason=str(wrong)[:120])
            return
        for word in words:
            await self._say(word)

    async def forbidden(self) -> None:
        """Hang the session up: nobody may use it any more."""
        await self._say(HangUp())

    async def _say(self, word: Word) -> None:
        """Say a word; where the stream is cut, whoever reads it hears of that."""
        if self._stream is not None:
            with suppress(Unavailable):
                await self._stream.say(word)

    async def _begun(self) -> Operation:
        """Return the operation once a worker has opened the session, or it ended. Unavailable."""
        deadline, pause = time.monotonic() + BEGINS_WITHIN_SECONDS, FIRST_PAUSE_SECONDS
        while True:
            row = await in_thread(_read)(self.operation.pk)
            if row.handed_over or row.status not in UNFINISHED:
                return row
            if time.monotonic() > deadline:
                raise Unavailable("the session does not open; its operation still waits")
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)

    async def _converse(self, stream: Stream) -> bool:
        """Pass on what the session says; return whether it said how it ended.

        Behind its end the shim keeps the last output until the client acknowledges that.
        """
        told = False
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as limit:
                async for word in stream.words():
                    await self._pass_on(word)
                    if isinstance(word, Exit | Parted):
                        told = True
                        limit.reschedule(asyncio.get_running_loop().time() + LAST_WORD_SECONDS)
        if told:
            await self.close(code=1000)
        return told

    async def _pass_on(self, word: Word) -> None:
        match word:
            case Output():
                await self.send(bytes_data=bytes((word.stream,)) + word.data)
            case Exit():
                await self.tell({"type": "exit", "exit_code": word.exit_code})
            case Parted():
                await self.tell({"type": "parted", "reason": word.reason})
            case Opened() | Taken():
                self._opened = True
                await self.tell(_message(word))

    async def _outcome(self) -> dict[str, Any]:
        """Return how the session ended, as its operation has it. Raises Unavailable: not yet."""
        row = await in_thread(_read)(self.operation.pk)
        if row.status == Status.SUCCEEDED:
            return {"type": "exit", "exit_code": (row.result or {}).get("exit_code")}
        if row.status in UNFINISHED:
            raise Unavailable("the session broke off; try again")
        return {"type": "error", **_told(row.error)}

    async def _end(self, message: Mapping[str, Any]) -> None:
        await self.tell(dict(message))
        await self.close(code=1000)


def _find(actor: Actor, container: str, session: str) -> Operation | None:
    try:
        row = find_container(actor.team_id, container)
        allowed = judge_session(rules_of(actor.team_id), None).allowed
    except (NotFound, Refused):
        return None
    mine = Operation.objects.filter(
        pk=session,
        kind=kinds.CONTAINER_SESSION.code,
        team_id=actor.team_id,
        user_id=actor.user_id,
        target=row.pk,
    )
    return mine.first() if allowed else None


def _read(operation: str) -> Operation:
    return Operation.objects.get(pk=operation)


def _message(word: Opened | Taken) -> dict[str, Any]:
    if isinstance(word, Taken):
        return {"type": "taken", "total": word.total}
    return {
        "type": "open",
        "offset": word.offset,
        "received": word.received,
        "taken": word.taken,
        "tty": word.terminal,
    }


def _told(error: Mapping[str, Any] | None) -> dict[str, str]:
    told = error or {}
    return {
        "code": str(told.get("code", "")),
        "reason": str(told.get("message") or "it failed and left no reason"),
    }


def _pieces(data: bytes) -> list[Word]:
    if len(data) > dialogue.INPUT_WINDOW:
        raise InvalidSpec("message", f"is longer than {dialogue.INPUT_WINDOW} bytes")
    return [Input(data[begin : begin + CHUNK]) for begin in range(0, len(data), CHUNK)]


def _order(text: str | None) -> Word:
    """Return the word in a text message. Raises InvalidSpec."""
    try:
        message = json.loads(text or "")
        kind = message["type"]
    except (ValueError, KeyError, TypeError):
        raise InvalidSpec("message", 'is no JSON object with a "type"') from None
    match kind:
        case "ack":
            return Acknowledge(_number(message, "offset"))
        case "resize":
            return dialogue.size(_number(message, "rows"), _number(message, "columns"))
        case "eof":
            return EndOfInput()
        case "close":
            return HangUp()
    raise InvalidSpec("type", f"{kind!r} is none of ack, resize, eof, close")


def _number(message: Mapping[str, Any], name: str) -> int:
    value = message.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_OFFSET:
        raise InvalidSpec(name, f"{value!r} is not a whole number")
    return value
