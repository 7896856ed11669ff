"""What a fork of the zygote does until it is the shim of a container."""

from __future__ import annotations

import os
import socket

from runtime.config import EngineConfig
from runtime.errors import KernelRefused, RuntimeFault
from runtime.isolation.namespaces import Space, make_space
from runtime.shim import protocol, sockets, succession
from runtime.shim.body import Handed
from runtime.shim.protocol import Client, Leaving
from runtime.shim.shim import Shim


def begin(
    config: EngineConfig,
    container: str,
    link: socket.socket,
    client: socket.socket,
    space: Space | None = None,
) -> None:
    """Be the shim of a container that somebody waits for; tell them where that is impossible."""
    try:
        shim = Shim(config, container, link)
    except OSError as error:
        refused = KernelRefused("open", error.errno or 0, str(error.filename or ""))
        sockets.tell(client, protocol.fault_of(refused))
        sockets.tell(link, Leaving(container=container))
        return
    except RuntimeFault as fault:
        sockets.tell(client, protocol.fault_of(fault))
        sockets.tell(link, Leaving(container=container))
        return
    shim.begin(client, space)
    shim.serve()


def await_container(config: EngineConfig, link: socket.socket, id_base: int | None) -> None:
    """Be the spare shim: wait for a container to mind; leave when the zygote does.

    Namespaces with the ids from `id_base` on are made meanwhile: the next container is likely of
    the same team as the last. One of another team makes its own.
    """
    space = _make_ahead(id_base)
    received = sockets.hear(link)
    if received is None:
        return
    message, fds = received
    if isinstance(message, Client) and len(fds) == 1:
        begin(config, message.container, link, socket.socket(fileno=fds[0]), space)


def take_over(config: EngineConfig, container: str, link: socket.socket, handed: Handed) -> None:
    """Be the successor of a dead shim, unless its container was deleted."""
    if not os.path.exists(config.container_data(container)):
        succession.abandon(handed)
        sockets.tell(link, Leaving(container=container))
        return
    shim = Shim(config, container, link)
    shim.take_over(handed)
    shim.serve()


def close_all_but(kept: tuple[int, ...]) -> None:
    """Close every descriptor but those: they are the zygote's."""
    after = 0
    for fd in sorted(set(kept)):
        if fd > after:
            os.closerange(after, fd)
        after = fd + 1
    os.closerange(after, 1 << 30)


def _make_ahead(id_base: int | None) -> Space | None:
    if id_base is None:
        return None
    try:
        return make_space(id_base)
    except KernelRefused:
        return None  # whoever starts a container will be told
