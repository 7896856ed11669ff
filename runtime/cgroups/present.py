"""Read which limits a group has right now."""

from __future__ import annotations

from runtime.cgroups import files
from runtime.cgroups.cgroup import Cgroup
from runtime.cgroups.update_plan import Present
from runtime.errors import KernelRefused

_ENDLESS = 2**62
"""What v1 tells for no limit is the largest number of whole pages."""
_V1 = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.usage_in_bytes")
_V2 = ("memory.max", "", "memory.current")


def read_present(cgroup: Cgroup) -> Present:
    """Return the limits of memory and of time. Raises KernelRefused."""
    limit, both, used = _memory(cgroup)
    quota, period = _time(cgroup)
    return Present(memory=limit, both=both, used=used, quota=quota, period=period)


def _memory(cgroup: Cgroup) -> tuple[int | None, ...]:
    group = cgroup.group("memory")
    if group is None:
        return None, None, None
    names = _V2 if group.tree.version == 2 else _V1
    return tuple(_number(f"{group.directory}/{name}") if name else None for name in names)


def _time(cgroup: Cgroup) -> tuple[int | None, int | None]:
    group = cgroup.group("cpu")
    if group is None:
        return None, None
    if group.tree.version == 1:
        quota = _number(f"{group.directory}/cpu.cfs_quota_us")
        return quota, _number(f"{group.directory}/cpu.cfs_period_us")
    text = _text(f"{group.directory}/cpu.max")
    if text is None:
        return None, None
    quota_text, period_text = text.split()
    return _parsed(quota_text), _parsed(period_text)


def _number(path: str) -> int | None:
    text = _text(path)
    return None if text is None else _parsed(text)


def _parsed(text: str) -> int:
    number = -1 if text == "max" else int(text)
    return -1 if number >= _ENDLESS else number


def _text(path: str) -> str | None:
    """Return a control file, None where the kernel has it not."""
    try:
        return files.read(path).strip()
    except KernelRefused as refused:
        if files.is_missing(refused):
            return None
        raise
