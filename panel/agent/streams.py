"""What a redeemed ticket opens: what a container prints, uses or runs, a session, an upload."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from django.db import close_old_connections, connections

from panel.agent.sampler import Samplers, moment
from panel.agent.uploads import store
from panel.operations import finish, kinds
from panel.operations.models import Operation
from panel.operations.params import LEAST_INTERVAL_SECONDS
from panel.operations.patience import patiently
from panel.operations.ticket import redeem_ticket
from runtime.engine import Engine
from runtime.errors import Cancelled, Conflict, RuntimeFault
from runtime.events import LogQuery
from runtime.streams.server import Conversation, HungUp
from runtime.usage import Process


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Serves each stream in the thread that the stream server gives it."""

    engine: Engine
    uploads: str
    node: str
    over: threading.Event
    samplers: Samplers = field(default_factory=Samplers)

    def serve(self, ticket: str, conversation: Conversation) -> None:
        """Redeem the ticket, stream, and end the stream's operation with what came of it."""
        try:
            close_old_connections()
            operation = patiently(lambda: redeem_ticket(ticket, node=self.node))
            # A follower may stay for days; it needs no connection to the database meanwhile.
            connections.close_all()
            self._serve(operation, conversation)
        finally:
            connections.close_all()

    def _serve(self, operation: Operation, conversation: Conversation) -> None:
        served = {
            kinds.IMAGE_UPLOAD.code: self._upload,
            kinds.CONTAINER_STATS.code: self._stats,
            kinds.CONTAINER_TOP.code: self._top,
            kinds.CONTAINER_ATTACH.code: self._session,
        }
        try:
            served.get(operation.kind, self._logs)(operation, conversation)
        except HungUp:
            left = Cancelled("the reader left")
            patiently(lambda: finish.fail(operation.pk, operation.fence, left))
            raise
        except RuntimeFault as fault:
            told = fault
            patiently(lambda: finish.fail(operation.pk, operation.fence, told))
            raise

    def _logs(self, operation: Operation, conversation: Conversation) -> None:
        params = operation.params
        query = LogQuery(offset=params["offset"], since_ns=params["since_ns"], tail=params["tail"])
        batches = self.engine.containers.log_batches(
            operation.target,
            since=query,
            follow=bool(params["follow"]),
            stop=lambda: self.over.is_set() or conversation.hung_up(),
        )
        # Only now: whoever asks for what cannot be read is to be refused, not cut.
        conversation.ready()
        for batch in batches:
            conversation.logs(batch)
        patiently(lambda: finish.succeed(operation.pk, operation.fence))
        conversation.end({})

    def _stats(self, operation: Operation, conversation: Conversation) -> None:
        """Send one sample, or one every so often until the container ends or the reader leaves."""
        asked = operation.params["interval_seconds"]
        seconds = max(LEAST_INTERVAL_SECONDS, float(asked or 0))

        def stop() -> bool:
            return self.over.is_set() or conversation.hung_up()

        look = self.engine.containers.stats
        with self.samplers.reading(operation.target, look) as sampler:
            sample = sampler.after(None, seconds, stop)
            conversation.ready()  # only now, as for logs
            while sample is not None:
                conversation.samples((sample.told,))
                if asked is None:
                    break
                try:
                    sample = sampler.after(sample, seconds, stop)
                except Conflict:  # it does not run any more
                    break
        patiently(lambda: finish.succeed(operation.pk, operation.fence))
        conversation.end({})

    def _top(self, operation: Operation, conversation: Conversation) -> None:
        """Send when and how many, then each process."""
        found = self.engine.containers.top(operation.target)
        conversation.ready()
        head = {"time": moment(found.time_ns), "total": found.total}
        conversation.samples((head, *map(process, found.processes)))
        patiently(lambda: finish.succeed(operation.pk, operation.fence))
        conversation.end({})

    def _session(self, operation: Operation, conversation: Conversation) -> None:
        params = operation.params
        line = self.engine.containers.attach(
            operation.target, params["session"], offset=params["offset"]
        )
        with line:
            conversation.ready()
            conversation.converse(line, self.over.is_set)
        patiently(lambda: finish.succeed(operation.pk, operation.fence))
        conversation.end({})

    def _upload(self, operation: Operation, conversation: Conversation) -> None:
        conversation.ready()
        stored = store(
            self.uploads, operation.pk, conversation.uploaded(), operation.params["size"]
        )
        patiently(lambda: finish.succeed(operation.pk, operation.fence, stored))
        conversation.end(stored)


def process(found: Process) -> dict[str, Any]:
    """Return a process as it is told to readers: its start is RFC 3339."""
    plain = found.to_json()
    return {**plain, "started": moment(plain.pop("started_ns"))}
