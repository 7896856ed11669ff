"""The one door to raw system calls. Nothing here decides anything; errno becomes KernelRefused.

The GIL is kept (PyDLL): clone3 must return in the child of a single-threaded process with it held.
"""

from __future__ import annotations

import ctypes
import os

from runtime.abi import CALLS
from runtime.errors import KernelRefused

_syscall = ctypes.PyDLL(None, use_errno=True).syscall
_syscall.restype = ctypes.c_long
_get_errno = ctypes.get_errno
_long = ctypes.c_long
_numbers = {name: _long(number) for name, number in CALLS.get(os.uname().machine, {}).items()}


def call(name: str, *arguments: int | bytes | None, path: str = "") -> int:
    """Make the system call `name`; integers pass as long, bytes as pointers, None as NULL.

    `path` is only told in the error. Raises KernelRefused. See syscall(2).
    """
    number = _numbers.get(name)
    if number is None:
        raise KernelRefused(name, 38, f"({os.uname().machine} is not supported)")
    result: int = _syscall(
        number, *[_long(value) if isinstance(value, int) else value for value in arguments]
    )
    if result == -1:
        raise KernelRefused(name, _get_errno(), path)
    return result


def address_of(buffer: ctypes.Array[ctypes.c_char] | ctypes.c_int) -> int:
    """Return where `buffer` lies, for structures that carry pointers."""
    return ctypes.addressof(buffer)
