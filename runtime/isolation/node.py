"""What of a bundle depends on the node that it starts on: decided anew for each run."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass, replace

from runtime.isolation import capabilities
from runtime.kernel import caps
from runtime.oci.bundle import Bundle
from runtime.oci.config_process import RLIMITS

_ENDLESS = 2**64 - 1
_NOFILE = RLIMITS.index("RLIMIT_NOFILE")
_SYS_RESOURCE = 1 << capabilities.NUMBERS["CAP_SYS_RESOURCE"]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A bundle that this node can carry out, and what is not as it was asked for."""

    bundle: Bundle
    notices: tuple[str, ...] = ()


def fit(bundle: Bundle) -> Fitted:
    """Return `bundle` as it can be had here: a limit of getrlimit(2) at most as high as ours."""
    if not bundle.rlimits:
        return Fitted(bundle)
    ceilings = {number: _ceiling(number) for number, _, _ in bundle.rlimits}
    rlimits, notices = fit_limits(bundle.rlimits, ceilings)
    return Fitted(replace(bundle, rlimits=rlimits), notices)


def fit_limits(
    wanted: tuple[tuple[int, int, int], ...], ceilings: dict[int, int]
) -> tuple[tuple[tuple[int, int, int], ...], tuple[str, ...]]:
    """Return (number, soft, hard) no higher than `ceilings`, and a sentence for each that was.

    2**64-1 is no limit. Pure.
    """
    fitted, notices = [], []
    for number, soft, hard in wanted:
        ceiling = ceilings[number]
        fitted.append((number, min(soft, ceiling), min(hard, ceiling)))
        if hard > ceiling:
            name = RLIMITS[number].removeprefix("RLIMIT_").lower()
            asked = "no limit" if hard == _ENDLESS else str(hard)
            notices.append(
                f"limits.ulimits: {name}: this node gives {ceiling} at most, {asked} was asked for"
            )
    return tuple(fitted), tuple(notices)


def _ceiling(number: int) -> int:
    """Return the highest hard limit that can be given. See capabilities(7), proc_sys_fs(5)."""
    if not caps.capget().effective & _SYS_RESOURCE:
        return resource.getrlimit(number)[1] % (_ENDLESS + 1)
    if number != _NOFILE:
        return _ENDLESS
    descriptor = os.open("/proc/sys/fs/nr_open", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return int(os.read(descriptor, 32))
    finally:
        os.close(descriptor)
