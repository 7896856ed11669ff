"""Loading and attaching extended BPF programs to cgroups: bpf(2)."""

from __future__ import annotations

import ctypes
import struct

from runtime.kernel.libc import address_of, call

_BPF_PROG_LOAD = 5
_BPF_PROG_ATTACH = 8
_BPF_PROG_TYPE_CGROUP_DEVICE = 15
_BPF_CGROUP_DEVICE = 6
_BPF_F_ALLOW_MULTI = 2
"""The programs of the groups above go on judging too."""
_INSTRUCTION = 8


def load_device_program(program: bytes) -> int:
    """Verify and load a cgroup device program; returns its descriptor. See bpf(2)."""
    code = ctypes.create_string_buffer(program, len(program))
    licence = ctypes.create_string_buffer(b"Apache-2.0")
    attributes = struct.pack(
        "<IIQQIIQ", _BPF_PROG_TYPE_CGROUP_DEVICE, len(program) // _INSTRUCTION,
        address_of(code), address_of(licence), 0, 0, 0,
    )  # fmt: skip
    return call("bpf", _BPF_PROG_LOAD, attributes, len(attributes))


def attach_device_program(cgroup: int, program: int) -> None:
    """Make `program` judge every device access in the cgroup directory `cgroup`. See bpf(2)."""
    attributes = struct.pack("<IIII", cgroup, program, _BPF_CGROUP_DEVICE, _BPF_F_ALLOW_MULTI)
    call("bpf", _BPF_PROG_ATTACH, attributes, len(attributes))
