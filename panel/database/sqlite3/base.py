"""Django's SQLite backend, whose connections may wait for the next thread.

Under ASGI every request has a thread of its own, and a connection that was opened for it costs
more than its queries: functions, pragmas and the schema are read anew each time.
"""

from __future__ import annotations

import os
import sqlite3
from typing import Any

from django.db.backends.sqlite3 import base

from panel.database.sqlite3.waiting import WAITING

KEPT_OPTION = "kept"


class DatabaseWrapper(base.DatabaseWrapper):
    """Takes a waiting connection and lets its own wait, as many as the option `kept` says."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Remember the option, which SQLite would not know."""
        super().__init__(*args, **kwargs)
        self._kept = 0

    def get_connection_params(self) -> dict[str, Any]:
        """Return what sqlite3.connect is called with."""
        params: dict[str, Any] = super().get_connection_params()
        self._kept = int(params.pop(KEPT_OPTION, 0))
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a connection that waits, or a new one."""
        found = WAITING.take(os.fspath(conn_params["database"])) if self._kept else None
        return found or super().get_new_connection(conn_params)

    def _close(self) -> None:
        raw = self.connection
        healthy = isinstance(raw, sqlite3.Connection) and not self.errors_occurred
        if healthy and self._kept and not raw.in_transaction:
            WAITING.give(os.fspath(self.settings_dict["NAME"]), raw, at_most=self._kept)
            return
        super()._close()  # type: ignore[misc]  # the stubs leave it out
