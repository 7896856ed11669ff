"""Which capabilities a container gets, as bit masks. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from runtime.abi import CAPABILITIES
from runtime.errors import InvalidSpec

NUMBERS = {name: number for number, name in enumerate(CAPABILITIES)}
ALL = (1 << len(CAPABILITIES)) - 1


def mask(names: Iterable[str], *, field: str = "capabilities") -> int:
    """Return the bit mask of `names`. Raises InvalidSpec for a name the kernel has not."""
    bits = 0
    for name in names:
        if name not in NUMBERS:
            raise InvalidSpec(field, f"{name!r} is not a capability")
        bits |= 1 << NUMBERS[name]
    return bits


def bounding(permitted: int, *, no_new_privileges: bool) -> int:
    """Return the bounding set that goes with the `permitted` one.

    NET_RAW stays in it, harmless, while no_new_privs is on: Debian's ping carries it as a file
    capability and could not even be executed without (EPERM, capabilities(7)).
    """
    return permitted | (1 << NUMBERS["CAP_NET_RAW"] if no_new_privileges else 0)


def numbers_outside(bits: int) -> tuple[int, ...]:
    """Return the numbers of all capabilities that `bits` lacks."""
    return tuple(number for number in range(len(CAPABILITIES)) if not bits >> number & 1)


def numbers_in(bits: int) -> tuple[int, ...]:
    """Return the numbers of all capabilities that `bits` has."""
    return tuple(number for number in range(len(CAPABILITIES)) if bits >> number & 1)
