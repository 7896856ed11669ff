"""Which verb a container takes in which state, and where it leads: a table. Pure."""

from __future__ import annotations

from runtime.errors import Conflict
from runtime.events import ContainerRecord

ALIVE = ("running", "paused")
"""States in which the container has processes."""

NEXT: dict[tuple[str, str], str] = {
    ("created", "start"): "running",
    ("created", "stop"): "created",
    ("created", "delete"): "dead",
    ("running", "start"): "running",
    ("running", "stop"): "exited",
    ("running", "kill"): "running",
    ("running", "execute"): "running",
    ("running", "attach"): "running",
    ("paused", "attach"): "paused",
    ("running", "exit"): "exited",
    ("running", "delete by force"): "dead",
    ("running", "restart"): "running",
    ("paused", "restart"): "running",
    ("restarting", "restart"): "running",
    ("running", "pause"): "paused",
    ("running", "resume"): "running",
    ("paused", "pause"): "paused",
    ("paused", "resume"): "running",
    ("paused", "stop"): "exited",
    ("paused", "kill"): "paused",
    ("paused", "exit"): "exited",
    ("paused", "delete by force"): "dead",
    ("restarting", "start"): "running",
    ("restarting", "stop"): "exited",
    ("restarting", "kill"): "exited",
    ("restarting", "delete by force"): "dead",
    ("exited", "start"): "running",
    ("exited", "stop"): "exited",
    ("exited", "delete"): "dead",
    ("running", "stats"): "running",
    ("paused", "stats"): "paused",
    ("running", "top"): "running",
    ("paused", "top"): "paused",
    ("created", "update"): "created",
    ("running", "update"): "running",
    ("paused", "update"): "paused",
    ("restarting", "update"): "restarting",
    ("exited", "update"): "exited",
    ("created", "delete by force"): "dead",
    ("exited", "delete by force"): "dead",
}
"""(state, verb) -> state. `restarting` is exited with a restart to come.

A restart of what neither runs nor waits is a start.
"""


def is_minded(record: ContainerRecord) -> bool:
    """Say whether a shim has to mind it: it has processes, or waits to be restarted."""
    return record.state in ALIVE or record.restarting


def is_to_be_removed(record: ContainerRecord) -> bool:
    """Say whether it has ended for good and was to be removed then."""
    over = record.state == "exited" and not record.restarting
    return over and bool(record.spec.get("auto_remove"))


def after(state: str, verb: str, *, restarting: bool = False, container: str = "") -> str:
    """Return the state that `verb` leads to. Raises Conflict naming both where it has no place."""
    now = "restarting" if restarting else state
    try:
        return NEXT[now, verb]
    except KeyError:
        raise Conflict(f"container {container} is {now}: it cannot take {verb}") from None
