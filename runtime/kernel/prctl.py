"""Attributes of the calling process: prctl(2)."""

from __future__ import annotations

from runtime.abi import (
    PR_CAP_AMBIENT,
    PR_CAP_AMBIENT_RAISE,
    PR_CAPBSET_DROP,
    PR_SET_CHILD_SUBREAPER,
    PR_SET_DUMPABLE,
    PR_SET_KEEPCAPS,
    PR_SET_NO_NEW_PRIVS,
    PR_SET_PDEATHSIG,
    PR_SET_SECUREBITS,
)
from runtime.kernel.libc import call


def set_dumpable(dumpable: bool) -> None:
    """Let others trace the process and read its /proc files, or not. See PR_SET_DUMPABLE."""
    call("prctl", PR_SET_DUMPABLE, int(dumpable), 0, 0, 0)


def set_no_new_privileges() -> None:
    """Make execve(2) never grant privileges again, for good. See PR_SET_NO_NEW_PRIVS."""
    call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def set_child_subreaper() -> None:
    """Become the parent of orphaned descendants. See PR_SET_CHILD_SUBREAPER."""
    call("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def set_parent_death_signal(number: int) -> None:
    """Be signalled when the forking thread of the parent ends; cleared by setuid(2).

    See PR_SET_PDEATHSIG. Check getppid afterwards: the parent may be gone already.
    """
    call("prctl", PR_SET_PDEATHSIG, number, 0, 0, 0)


def set_securebits(bits: int) -> None:
    """Set how user ids and capabilities influence each other. See capabilities(7)."""
    call("prctl", PR_SET_SECUREBITS, bits, 0, 0, 0)


def drop_from_bounding_set(capability: int) -> None:
    """Take a capability away for good. See PR_CAPBSET_DROP."""
    call("prctl", PR_CAPBSET_DROP, capability, 0, 0, 0)


def keep_capabilities() -> None:
    """Keep the permitted set when all user ids change from 0, till execve(2).

    See PR_SET_KEEPCAPS.
    """
    call("prctl", PR_SET_KEEPCAPS, 1, 0, 0, 0)


def raise_ambient(capability: int) -> None:
    """Add a capability that execve(2) keeps without file capabilities. See PR_CAP_AMBIENT."""
    call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0)
