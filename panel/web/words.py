"""What states, operations and errors are called, in one table each. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Sign:
    """A state as it is shown: shape (a symbol of the sprite), word, and colour (a CSS class)."""

    shape: str
    word: str
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Verb:
    """A kind of operation: what it is called, what is said while it runs and once it is done."""

    name: str
    doing: str
    done: str


VERBS: Mapping[str, Verb] = {
    "container.create": Verb("Create", "Creating", "was created"),
    "container.start": Verb("Start", "Starting", "started"),
    "container.stop": Verb("Stop", "Stopping", "stopped"),
    "container.kill": Verb("Kill", "Killing", "was killed"),
    "container.restart": Verb("Restart", "Restarting", "was restarted"),
    "container.rename": Verb("Rename", "Renaming", "was renamed"),
    "container.update": Verb("Change limits of", "Changing limits of", "has new limits"),
    "container.pause": Verb("Pause", "Pausing", "was paused"),
    "container.resume": Verb("Resume", "Resuming", "goes on"),
    "container.delete": Verb("Delete", "Deleting", "was deleted"),
    "container.exec": Verb("Run a command in", "Running a command in", "ran the command"),
    "container.session": Verb("Open a session in", "In session in", "ended the session"),
    "container.attach": Verb("Attach to", "Attaching to", "was attached to"),
    "container.logs": Verb("Read logs of", "Reading logs of", "was read"),
    "container.stats": Verb("Read figures of", "Reading figures of", "was read"),
    "container.top": Verb("Read processes of", "Reading processes of", "was read"),
    "image.load": Verb("Load image", "Loading image", "was loaded"),
    "image.upload": Verb("Upload image", "Uploading image", "was uploaded"),
    "image.delete": Verb("Delete image", "Deleting image", "was deleted"),
}

STATUSES: Mapping[str, Sign] = {
    "queued": Sign("s-queued", "Queued"),
    "running": Sign("s-starting", "Running", "busy"),
    "succeeded": Sign("s-done", "Succeeded", "good"),
    "failed": Sign("s-failed", "Failed", "bad"),
    "cancelled": Sign("s-cancelled", "Cancelled"),
}

WAYS_OUT: Mapping[str, str] = {
    "invalid_spec": "Change the part it names, then ask again.",
    "not_found": "It is gone, or was never here. Look at the list for what there is.",
    "not_allowed": "Ask an administrator of the team to do it, or for the role that may.",
    "refused": "The team's policy or the node forbids it. Ask for less, or who sets the policy.",
    "conflict": "It is in another state now. Look at it, then ask again.",
    "exhausted": "Free something first: stop or delete what is not needed, or ask for less.",
    "unavailable": "Nothing was changed. Ask again in a moment.",
    "interrupted": "It was cut short and is not repeated by itself. Look whether it took effect.",
    "cancelled": "It was undone. Ask again whenever you like.",
    "kernel_refused": "The node's kernel said no. An administrator can run doctor there.",
}
NO_WAY_KNOWN = "Ask again; if it stays so, give an administrator the operation's id."

_CONTAINER: Mapping[str, Sign] = {
    "creating": Sign("s-starting", "Creating", "busy"),
    "created": Sign("s-created", "Created"),
    "running": Sign("s-running", "Running", "good"),
    "paused": Sign("s-paused", "Paused", "warn"),
    "exited": Sign("s-exited", "Exited"),
    "dead": Sign("s-cancelled", "Deleted"),
}
_HEALTH: Mapping[str, Sign] = {
    "starting": Sign("s-running", "Running, unchecked", "good"),
    "healthy": Sign("s-running", "Running, healthy", "good"),
    "unhealthy": Sign("s-unhealthy", "Running, unhealthy", "bad"),
}
KILLED_BY_ITSELF = 128
STOP_SIGNALS = {137, 143, 130}


def verb(kind: str) -> Verb:
    """Return the words of a kind; an unknown one speaks for itself."""
    return VERBS.get(kind, Verb(kind, kind, "is done"))


def container_sign(
    state: str,
    exit_code: int | None,
    *,
    oom_killed: bool = False,
    doing: str = "",
    health: str = "",
) -> Sign:
    """Return the sign of a container; `doing` is the kind of its unfinished operation, if any.

    `health` is what its health check says of it, empty where it has none.
    """
    if doing and doing not in ("container.exec",):
        return Sign("s-starting", verb(doing).doing, "busy")
    if state == "running" and health in _HEALTH:
        return _HEALTH[health]
    if state != "exited":
        return _CONTAINER.get(state, Sign("s-created", state.capitalize()))
    if oom_killed:
        return Sign("s-failed", "Out of memory", "bad")
    if exit_code is None:
        return Sign("s-exited", "Exited, code lost", "warn")
    if exit_code == 0:
        return Sign("s-exited", "Exited 0")
    if exit_code in STOP_SIGNALS:
        return Sign("s-exited", f"Exited {exit_code}")
    return Sign("s-failed", f"Exited {exit_code}", "bad")


def exit_meaning(exit_code: int | None, *, oom_killed: bool) -> str:
    """Say in words what an exit code tells."""
    if oom_killed:
        return "the kernel killed it: it went over its memory limit"
    if exit_code is None:
        return "the code was lost, see the reason"
    if exit_code == 0:
        return "it ended by itself, all well"
    if exit_code > KILLED_BY_ITSELF:
        return f"ended by signal {exit_code - KILLED_BY_ITSELF}"
    return "it ended by itself and reports a failure"


def familiar(reference: str) -> str:
    """Return an image reference as people write it, without the parts that go without saying."""
    return reference.removeprefix("docker.io/library/").removeprefix("docker.io/")


def way_out(error: Mapping[str, Any] | None) -> str:
    """Say what the reader can do about an operation's error."""
    code = str((error or {}).get("code", ""))
    return WAYS_OUT.get(code, NO_WAY_KNOWN)


def reason(error: Mapping[str, Any] | None) -> str:
    """Return the sentence that an operation's error says."""
    told = error or {}
    return str(told.get("message") or "it failed and left no reason")
