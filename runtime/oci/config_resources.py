"""`linux.resources` of config.json: limits, in the units of the specification.

Names and units are those of runtime-spec, config-linux.md#control-groups, written for v1.
"""

from __future__ import annotations

from dataclasses import dataclass

from runtime.errors import InvalidSpec
from runtime.oci.reading import Fields

_INT64 = 2**63 - 1
_UINT64 = 2**64 - 1
_UINT32 = 2**32 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRule:
    """Allow or deny access to devices; None is every number, kind "a" every kind."""

    allow: bool
    kind: str
    major: int | None
    minor: int | None
    access: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Bytes; -1 is no limit. `swap` is memory and swap together."""

    limit: int | None = None
    reservation: int | None = None
    swap: int | None = None
    swappiness: int | None = None
    disable_oom_killer: bool = False
    check_before_update: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu:
    """`quota`, `period`, `burst` and the real-time pair in microseconds; `cpus` as cpuset(7)."""

    shares: int | None = None
    quota: int | None = None
    burst: int | None = None
    period: int | None = None
    realtime_runtime: int | None = None
    realtime_period: int | None = None
    cpus: str = ""
    mems: str = ""
    idle: int | None = None


@dataclass(frozen=True, slots=True)
class Throttle:
    """A rate for one block device: file kind (`read_bps`...), numbers, bytes or operations/s."""

    kind: str
    major: int
    minor: int
    rate: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockIO:
    """Weights are 10 to 1000; `device_weights` are (major, minor, weight)."""

    weight: int | None = None
    device_weights: tuple[tuple[int, int, int], ...] = ()
    throttles: tuple[Throttle, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LinuxResources:
    """All limits of a container; None and empty leave what the kernel has."""

    devices: tuple[DeviceRule, ...] = ()
    memory: Memory = Memory()
    cpu: Cpu = Cpu()
    block_io: BlockIO = BlockIO()
    pids: int | None = None
    huge_pages: tuple[tuple[str, int], ...] = ()
    unified: tuple[tuple[str, str], ...] = ()


UNLIMITED = LinuxResources()
"""No limit, no rule."""


def parse_resources(fields: Fields) -> LinuxResources:
    """Return the limits. Raises InvalidSpec that names the field."""
    pids = fields.inner("pids")
    return LinuxResources(
        devices=tuple(_parse_rule(rule) for rule in fields.items("devices")),
        memory=_parse_memory(fields),
        cpu=_parse_cpu(fields),
        block_io=_parse_block_io(fields),
        pids=None if pids is None else pids.integer("limit", least=-1, most=_INT64),
        huge_pages=tuple(_parse_huge_page(item) for item in fields.items("hugepageLimits")),
        unified=_parse_unified(fields),
    )


def _parse_rule(fields: Fields) -> DeviceRule:
    numbers = [fields.integer(name, least=-1, most=_UINT32) for name in ("major", "minor")]
    access = fields.text("access", "rwm") or "rwm"
    if set(access) - set("rwm"):
        raise InvalidSpec(fields.at("access"), f"{access!r} has other letters than r, w and m")
    major, minor = (None if number == -1 else number for number in numbers)
    if not fields.has("allow"):
        raise InvalidSpec(fields.at("allow"), "is required")
    return DeviceRule(
        allow=fields.flag("allow"),
        kind=fields.choice("type", ("a", "b", "c", "u"), "a").replace("u", "c"),
        major=major,
        minor=minor,
        access=access,
    )


def _parse_memory(resources: Fields) -> Memory:
    fields = resources.inner("memory")
    if fields is None:
        return Memory()
    memory = Memory(
        limit=fields.integer("limit", least=-1, most=_INT64),
        reservation=fields.integer("reservation", least=-1, most=_INT64),
        swap=fields.integer("swap", least=-1, most=_INT64),
        swappiness=fields.integer("swappiness", least=0, most=200),
        disable_oom_killer=fields.flag("disableOOMKiller"),
        check_before_update=fields.flag("checkBeforeUpdate"),
    )
    if memory.swap is not None and memory.swap > 0:
        if not memory.limit or memory.limit < 0:
            raise InvalidSpec(fields.at("swap"), "needs a limit of memory")
        if memory.swap < memory.limit:
            raise InvalidSpec(fields.at("swap"), "is memory and swap together, so at least limit")
    return memory


def _parse_cpu(resources: Fields) -> Cpu:
    fields = resources.inner("cpu")
    if fields is None:
        return Cpu()
    return Cpu(
        shares=fields.integer("shares", least=0, most=_UINT64),
        quota=fields.integer("quota", least=-1, most=_INT64),
        burst=fields.integer("burst", least=0, most=_UINT64),
        period=fields.integer("period", least=0, most=_UINT64),
        realtime_runtime=fields.integer("realtimeRuntime", least=-1, most=_INT64),
        realtime_period=fields.integer("realtimePeriod", least=0, most=_UINT64),
        cpus=fields.text("cpus"),
        mems=fields.text("mems"),
        idle=fields.integer("idle", least=0, most=1),
    )


_THROTTLES = {
    "throttleReadBpsDevice": "read_bps",
    "throttleWriteBpsDevice": "write_bps",
    "throttleReadIOPSDevice": "read_iops",
    "throttleWriteIOPSDevice": "write_iops",
}


def _parse_block_io(resources: Fields) -> BlockIO:
    fields = resources.inner("blockIO")
    if fields is None:
        return BlockIO()
    weights = []
    for item in fields.items("weightDevice"):
        weight = item.integer("weight", least=10, most=1000)
        if weight is None:
            raise InvalidSpec(item.at("weight"), "is required")
        weights.append((*_numbers(item), weight))
    throttles = [
        Throttle(kind, *_numbers(item), item.required_integer("rate", least=0, most=_UINT64))
        for name, kind in _THROTTLES.items()
        for item in fields.items(name)
    ]
    return BlockIO(
        weight=fields.integer("weight", least=0, most=1000) or None,
        device_weights=tuple(weights),
        throttles=tuple(throttles),
    )


def _numbers(fields: Fields) -> tuple[int, int]:
    return (
        fields.required_integer("major", least=0, most=_UINT32),
        fields.required_integer("minor", least=0, most=_UINT32),
    )


def _parse_huge_page(fields: Fields) -> tuple[str, int]:
    size = fields.required_text("pageSize")
    if not (size[:-2].isdigit() and size[-2:] in ("KB", "MB", "GB")):
        raise InvalidSpec(fields.at("pageSize"), f"{size!r} is not a size such as 2MB")
    return size, fields.required_integer("limit", least=0, most=_UINT64)


def _parse_unified(resources: Fields) -> tuple[tuple[str, str], ...]:
    table = resources.table("unified")
    for name, _value in table:
        if "/" in name or "." not in name or name.startswith("."):
            where = f"{resources.at('unified')}.{name}"
            raise InvalidSpec(where, "is not the name of a control file")
    return table
