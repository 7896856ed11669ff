"""Network links through rtnetlink(7)."""

from __future__ import annotations

import socket
import struct

from runtime.errors import KernelRefused

_RTM_NEWLINK = 16
_NLM_F_REQUEST = 1
_NLM_F_ACK = 4
_NLMSG_ERROR = 2
_IFF_UP = 1
_LOOPBACK = 1
"""The loopback device is the first link of every network namespace."""


def bring_loopback_up() -> None:
    """Set the loopback device of the caller's network namespace up. See rtnetlink(7)."""
    body = struct.pack("<BxHiII", 0, 0, _LOOPBACK, _IFF_UP, _IFF_UP)
    _request(_RTM_NEWLINK, body)


def _request(kind: int, body: bytes) -> None:
    header = struct.pack("<IHHII", 16 + len(body), kind, _NLM_F_REQUEST | _NLM_F_ACK, 1, 0)
    family = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    try:
        with socket.socket(socket.AF_NETLINK, family, socket.NETLINK_ROUTE) as netlink:
            netlink.send(header + body)
            answer = netlink.recv(4096)
    except OSError as error:
        raise KernelRefused("rtnetlink", error.errno or 0) from None
    _length, answered = struct.unpack_from("<IH", answer)
    (result,) = struct.unpack_from("<i", answer, 16)
    if answered != _NLMSG_ERROR or result != 0:
        raise KernelRefused("rtnetlink", -result)
