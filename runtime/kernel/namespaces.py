"""Namespaces of the calling process and the names tied to them: setns(2), unshare(2)."""

from __future__ import annotations

import os

from runtime.kernel.libc import call


def setns(descriptor: int, kinds: int) -> None:
    """Join a namespace, or with a pidfd several at once. See setns(2)."""
    call("setns", descriptor, kinds)


def unshare(kinds: int) -> None:
    """Leave for new namespaces of these kinds. See unshare(2)."""
    call("unshare", kinds)


def sethostname(name: str) -> None:
    """Name the UTS namespace. See sethostname(2)."""
    encoded = os.fsencode(name)
    call("sethostname", encoded, len(encoded))


def setdomainname(name: str) -> None:
    """Give the UTS namespace its NIS domain. See setdomainname(2)."""
    encoded = os.fsencode(name)
    call("setdomainname", encoded, len(encoded))


def setfsids(identity: int) -> None:
    """Use `identity` as user and group for file system checks. See setfsuid(2).

    Raises nothing: the call reports no errors; what is made afterwards shows them.
    """
    call("setfsgid", identity)
    call("setfsuid", identity)
