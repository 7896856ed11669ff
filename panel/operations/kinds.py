"""The catalogue of what can be done. Append only: rows, audit and clients keep the codes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from panel.accounts.permissions import Action
from runtime.errors import NotFound


class Repeat(StrEnum):
    """A safe kind may run again; a once kind never takes effect twice."""

    SAFE = "safe"
    ONCE = "once"


class About(StrEnum):
    """What the operation's target names."""

    CONTAINER = "container"
    IMAGE = "image"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One thing that can be done.

    `sentence` is for people. An `exclusive` kind runs alone among the exclusive ones of its
    container, in the order of submission; others wait for earlier exclusive ones too, unless they
    overtake. `hands_over` means that the container's shim ends it, by an event.
    """

    code: str
    sentence: str
    action: Action
    about: About = About.CONTAINER
    pool: str = "fast"
    klass: str = "change"
    repeat: Repeat = Repeat.SAFE
    exclusive: bool = False
    overtakes: bool = False
    cancellable: bool = False
    hands_over: bool = False


CONTAINER_CREATE = Kind(
    code="container.create",
    sentence="Create a container",
    action=Action.CONTAINER_CHANGE,
    exclusive=True,
    cancellable=True,
)
CONTAINER_START = Kind(
    code="container.start",
    sentence="Start the container",
    action=Action.CONTAINER_CHANGE,
    exclusive=True,
)
CONTAINER_STOP = Kind(
    code="container.stop",
    sentence="Stop the container",
    action=Action.CONTAINER_CHANGE,
    exclusive=True,
    hands_over=True,
)
CONTAINER_KILL = Kind(
    code="container.kill",
    sentence="Send a signal to the container",
    action=Action.CONTAINER_CHANGE,
    repeat=Repeat.ONCE,
    overtakes=True,
)
CONTAINER_DELETE = Kind(
    code="container.delete",
    sentence="Delete the container",
    action=Action.CONTAINER_CHANGE,
    exclusive=True,
)
CONTAINER_EXEC = Kind(
    code="container.exec",
    sentence="Run a command in the container",
    action=Action.CONTAINER_EXEC,
    repeat=Repeat.ONCE,
    hands_over=True,
)
IMAGE_LOAD = Kind(
    code="image.load",
    sentence="Load images from an archive",
    action=Action.IMAGE_LOAD,
    about=About.NOTHING,
    pool="bulk",
    cancellable=True,
)
IMAGE_DELETE = Kind(
    code="image.delete",
    sentence="Delete an image",
    action=Action.IMAGE_DELETE,
    about=About.IMAGE,
    pool="bulk",
)
CONTAINER_LOGS = Kind(
    code="container.logs",
    sentence="Read the container's output",
    action=Action.CONTAINER_LOGS,
    klass="stream",
)
IMAGE_UPLOAD = Kind(
    code="image.upload",
    sentence="Upload an image archive",
    action=Action.IMAGE_LOAD,
    about=About.NOTHING,
    klass="stream",
)
CONTAINER_PAUSE = Kind(
    code="container.pause",
    sentence="Freeze the container",
    action=Action.CONTAINER_CHANGE,
    exclusive=True,
)
CONTAINER_RESUME = Kind(
    code="container.resume",
    sentence="Let the paused container go on",
    action=Action.CONTAINER_CHANGE,
    exclusive=True,
)
CONTAINER_RESTART = Kind(
    code="container.restart",
    sentence="Stop the container and start it again",
    action=Action.CONTAINER_CHANGE,
    repeat=Repeat.ONCE,
    exclusive=True,
    hands_over=True,
)
CONTAINER_RENAME = Kind(
    code="container.rename",
    sentence="Give the container another name",
    action=Action.CONTAINER_CHANGE,
    exclusive=True,
)
CONTAINER_STATS = Kind(
    code="container.stats",
    sentence="Read what the container uses",
    action=Action.CONTAINER_VIEW,
    klass="stream",
)
CONTAINER_TOP = Kind(
    code="container.top",
    sentence="Read the container's processes",
    action=Action.CONTAINER_VIEW,
    klass="stream",
)
CONTAINER_UPDATE = Kind(
    code="container.update",
    sentence="Change the container's limits and restart policy",
    action=Action.CONTAINER_CHANGE,
    repeat=Repeat.ONCE,
    exclusive=True,
)
CONTAINER_SESSION = Kind(
    code="container.session",
    sentence="Open a session in the container",
    action=Action.CONTAINER_EXEC,
    repeat=Repeat.ONCE,
    hands_over=True,
)
CONTAINER_ATTACH = Kind(
    code="container.attach",
    sentence="Read and type in a session",
    action=Action.CONTAINER_EXEC,
    klass="stream",
)

CATALOGUE: dict[str, Kind] = {
    kind.code: kind
    for kind in (
        CONTAINER_CREATE,
        CONTAINER_START,
        CONTAINER_STOP,
        CONTAINER_KILL,
        CONTAINER_DELETE,
        CONTAINER_EXEC,
        IMAGE_LOAD,
        IMAGE_DELETE,
        CONTAINER_LOGS,
        IMAGE_UPLOAD,
        CONTAINER_PAUSE,
        CONTAINER_RESUME,
        CONTAINER_RESTART,
        CONTAINER_RENAME,
        CONTAINER_STATS,
        CONTAINER_TOP,
        CONTAINER_UPDATE,
        CONTAINER_SESSION,
        CONTAINER_ATTACH,
    )
}
EXECS = frozenset({CONTAINER_EXEC.code, CONTAINER_SESSION.code})
"""Kinds that end when a further process of the container has."""
INTERACTIVE = frozenset({CONTAINER_SESSION.code, CONTAINER_ATTACH.code})
"""Kinds that a policy without sessions forbids."""
EXCLUSIVE = frozenset(kind.code for kind in CATALOGUE.values() if kind.exclusive)


def find(code: str) -> Kind:
    """Return the kind with this code. Raises NotFound."""
    kind = CATALOGUE.get(code)
    if kind is None:
        raise NotFound("kind of operation", code)
    return kind


def pool_of(code: str) -> str:
    """Return the pool that does a kind; what is not known (a forged or newer row) fails in fast."""
    kind = CATALOGUE.get(code)
    return kind.pool if kind is not None else "fast"
