"""What a redeemed ticket opens: a container's output, or an upload."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from django.db import close_old_connections, connections

from panel.agent.uploads import store
from panel.operations import finish, kinds
from panel.operations.models import Operation
from panel.operations.patience import patiently
from panel.operations.ticket import redeem_ticket
from runtime.engine import Engine
from runtime.errors import Cancelled, RuntimeFault
from runtime.events import LogQuery
from runtime.streams.server import Conversation, HungUp


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Serves each stream in the thread that the stream server gives it."""

    engine: Engine
    uploads: str
    node: str
    over: threading.Event

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
        served = self._upload if operation.kind == kinds.IMAGE_UPLOAD.code else self._logs
        try:
            served(operation, conversation)
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

    def _upload(self, operation: Operation, conversation: Conversation) -> None:
        conversation.ready()
        stored = store(
            self.uploads, operation.pk, conversation.uploaded(), operation.params["size"]
        )
        patiently(lambda: finish.succeed(operation.pk, operation.fence, stored))
        conversation.end(stored)
