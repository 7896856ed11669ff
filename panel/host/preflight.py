"""What is checked before anything is started; each refusal is one sentence."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket

from panel.host.errors import HostRefused
from panel.host.processes import Address

MISSING = "missing"
UNPRIVILEGED_PORT = "/proc/sys/net/ipv4/ip_unprivileged_port_start"


def require_root() -> None:
    """Raise HostRefused unless this process is root."""
    if os.geteuid() != 0:
        raise HostRefused("Moorage builds containers straight from the kernel: run this as root")


def require_free(address: Address) -> None:
    """Raise HostRefused where the web process could not listen on `address`."""
    with open(UNPRIVILEGED_PORT, encoding="ascii") as file:
        lowest = int(file.read())
    if address.port < lowest:
        raise HostRefused(
            f"port {address.port} is for root, which the web process is not: take one from "
            f"{lowest} on, with a proxy in front where it must be {address.port}"
        )
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        with socket.socket(found[0][0], socket.SOCK_STREAM) as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            attempt.bind(found[0][4])
    except socket.gaierror as unknown:
        raise HostRefused(f"--host {address.host}: {unknown.strerror}") from None
    except OSError as refused:
        in_use = refused.errno == errno.EADDRINUSE
        reason = "in use by another program; choose one with --port" if in_use else refused.strerror
        raise HostRefused(f"port {address.port} on {address.host} is {reason}") from None


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def require_kernel() -> None:
    """Raise HostRefused, naming the first thing that the engine cannot do without."""
    from runtime.system import doctor

    lacking = next(
        (fact for fact in doctor.examine() if fact.fatal and fact.state == MISSING), None
    )
    if lacking is not None:
        raise HostRefused(f"this machine cannot run containers: {lacking.name}: {lacking.detail}")
