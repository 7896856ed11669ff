"""Give a group in use other limits: all of them, or none."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from runtime.cgroups import files
from runtime.cgroups.cgroup import Cgroup, Group, apply
from runtime.cgroups.layout import Layout, detect
from runtime.cgroups.plan import plan_change
from runtime.errors import Conflict, KernelRefused
from runtime.oci.bundle import Resources


def change(
    cgroup: Cgroup, before: Resources | None, after: Resources, *, layout: Layout | None = None
) -> None:
    """Let a group that holds `before` hold `after`; None where nobody knows what it holds.

    Raises Conflict where it uses more memory than it may have from then on, InvalidSpec for what
    the host cannot hold, KernelRefused; then it holds `before` as it did.
    """
    layout = layout or detect()
    writes = plan_change(before, after, layout)
    with _room_for(cgroup, after.memory_bytes):
        try:
            for write in writes:
                apply(cgroup, write)
        except KernelRefused as refused:
            if before is not None:
                _undo(cgroup, after, before, layout)
            _tell_of_memory(cgroup, after.memory_bytes, refused)
            raise


def restore(cgroup: Cgroup, resources: Resources, *, layout: Layout | None = None) -> None:
    """Bring a group to `resources` whatever it holds, as far as the kernel lets.

    Nobody is killed for it: where memory is used that it may not have, only the rest is written.
    """
    layout = layout or detect()
    try:
        change(cgroup, None, resources, layout=layout)
    except (Conflict, KernelRefused):
        for write in plan_change(None, resources, layout):
            if write.controller != "memory":
                with suppress(KernelRefused):
                    apply(cgroup, write)


def _undo(cgroup: Cgroup, after: Resources, before: Resources, layout: Layout) -> None:
    """Write what the group held, each file by itself: one that was refused still holds it."""
    for write in plan_change(after, before, layout):
        with suppress(KernelRefused):
            apply(cgroup, write)


@contextmanager
def _room_for(cgroup: Cgroup, limit: int | None) -> Iterator[None]:
    """Have the kernel take back memory above `limit` without killing. Raises Conflict.

    v2 would take a limit below what is used and kill (memory.max in cgroup-v2.rst); so it is asked
    by memory.high first, which only reclaims. v1 refuses such a limit by itself.
    """
    group = cgroup.group("memory")
    if group is None or group.tree.version == 1 or limit is None or _usage(group) <= limit:
        yield
        return
    high = f"{group.directory}/memory.high"
    files.write(high, f"{limit}")
    try:
        usage = _usage(group)
        if usage > limit:
            raise _too_much(usage, limit)
        yield
    finally:
        files.write(high, "max")


def _tell_of_memory(cgroup: Cgroup, limit: int | None, refused: KernelRefused) -> None:
    """Raise Conflict where v1 refused a limit because more than that is used."""
    group = cgroup.group("memory")
    if refused.errno == errno.EBUSY and group is not None and limit is not None:
        raise _too_much(_usage(group), limit) from refused


def _usage(group: Group) -> int:
    name = "memory.current" if group.tree.version == 2 else "memory.usage_in_bytes"
    return int(files.read(f"{group.directory}/{name}"))


def _too_much(usage: int, limit: int) -> Conflict:
    return Conflict(
        f"the container uses {usage} bytes of memory and may not be limited to {limit}:"
        " nothing was changed"
    )
