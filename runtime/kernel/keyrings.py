"""Kernel keyrings: keyctl(2)."""

from __future__ import annotations

import errno

from runtime.abi import KEYCTL_JOIN_SESSION_KEYRING
from runtime.errors import KernelRefused
from runtime.kernel.libc import call


def join_new_session_keyring() -> None:
    """Leave the inherited session keyring for a new, empty one. See keyrings(7).

    Kernels without keyrings have nothing to leave.
    """
    try:
        call("keyctl", KEYCTL_JOIN_SESSION_KEYRING, None, 0, 0, 0)
    except KernelRefused as refused:
        if refused.errno != errno.ENOSYS:
            raise
