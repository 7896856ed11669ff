"""Which namespaces a container has for itself, as flags of clone(2). Pure."""

from __future__ import annotations

from runtime.abi import (
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
)

_KINDS = {
    "pid": CLONE_NEWPID,
    "ipc": CLONE_NEWIPC,
    "uts": CLONE_NEWUTS,
    "network": CLONE_NEWNET,
    "cgroup": CLONE_NEWCGROUP,
    "user": CLONE_NEWUSER,
}
"""Those that may be the host's."""
ALL = CLONE_NEWNS | sum(_KINDS.values())
INNER = CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC
"""Those that belong to the container's user namespace, and that itself."""


def own(host: tuple[str, ...]) -> int:
    """Return the flags of all kinds but those in `host`, which are shared with the host."""
    return ALL & ~sum({_KINDS[kind] for kind in host})


def fresh(host: tuple[str, ...], peer: tuple[str, ...]) -> int:
    """Return the flags of all kinds but those in `host` and in `peer`, another container's."""
    return own((*host, *peer))
