"""`process` of config.json: what is executed, and as whom (runtime-spec, config.md#process)."""

from __future__ import annotations

from dataclasses import dataclass

from runtime.abi import CAPABILITIES, RLIMITS
from runtime.errors import InvalidSpec
from runtime.oci.config_scheduling import (
    Affinity,
    IoPriority,
    Scheduler,
    parse_affinity,
    parse_io_priority,
    parse_scheduler,
)
from runtime.oci.reading import Fields

_UINT32 = 2**32 - 1
_UINT64 = 2**64 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Ids inside the container. `umask` is None where the runtime's own stays."""

    uid: int = 0
    gid: int = 0
    additional_gids: tuple[int, ...] = ()
    umask: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilitySets:
    """The five sets of capabilities(7), by name; names the kernel lacks are left out before."""

    bounding: tuple[str, ...] = ()
    effective: tuple[str, ...] = ()
    inheritable: tuple[str, ...] = ()
    permitted: tuple[str, ...] = ()
    ambient: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rlimit:
    """One limit of setrlimit(2); `number` is its place in `RLIMITS`, 2**64-1 is no limit."""

    number: int
    soft: int
    hard: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessConfig:
    """What is executed. `env` are `NAME=value` texts; None leaves what the runtime has.

    `affinity` is for further processes, not for the first.
    """

    args: tuple[str, ...]
    cwd: str
    env: tuple[str, ...] = ()
    user: User = User()
    terminal: bool = False
    console_size: tuple[int, int] | None = None
    capabilities: CapabilitySets = CapabilitySets()
    rlimits: tuple[Rlimit, ...] = ()
    no_new_privileges: bool = False
    oom_score_adj: int | None = None
    scheduler: Scheduler | None = None
    io_priority: IoPriority | None = None
    affinity: Affinity | None = None


def parse_process(fields: Fields) -> ProcessConfig:
    """Return `process`; height and width of the console are rows and columns.

    Raises InvalidSpec that names the field.
    """
    args = fields.texts("args")
    if not args or not args[0]:
        raise InvalidSpec(fields.at("args"), "must name a command")
    cwd = fields.required_text("cwd")
    if not cwd.startswith("/"):
        raise InvalidSpec(fields.at("cwd"), f"{cwd!r} is not an absolute path")
    return ProcessConfig(
        args=args,
        cwd=cwd,
        env=_parse_environment(fields),
        user=_parse_user(fields),
        terminal=fields.flag("terminal"),
        console_size=_parse_console(fields),
        capabilities=_parse_capabilities(fields),
        rlimits=_parse_rlimits(fields),
        no_new_privileges=fields.flag("noNewPrivileges"),
        oom_score_adj=fields.integer("oomScoreAdj", least=-1000, most=1000),
        scheduler=parse_scheduler(fields),
        io_priority=parse_io_priority(fields),
        affinity=parse_affinity(fields),
    )


def _parse_environment(fields: Fields) -> tuple[str, ...]:
    env = fields.texts("env")
    for place, text in enumerate(env):
        if not text.partition("=")[0] or "=" not in text:
            raise InvalidSpec(f"{fields.at('env')}[{place}]", f"{text!r} is not NAME=value")
    return env


def _parse_user(process: Fields) -> User:
    fields = process.inner("user")
    if fields is None:
        return User()
    return User(
        uid=fields.integer("uid", least=0, most=_UINT32 - 1) or 0,
        gid=fields.integer("gid", least=0, most=_UINT32 - 1) or 0,
        additional_gids=fields.integers("additionalGids", least=0, most=_UINT32 - 1),
        umask=fields.integer("umask", least=0, most=0o777),
    )


def _parse_console(process: Fields) -> tuple[int, int] | None:
    fields = process.inner("consoleSize")
    if fields is None:
        return None
    return (
        fields.required_integer("height", least=0, most=65_535),
        fields.required_integer("width", least=0, most=65_535),
    )


def _parse_capabilities(process: Fields) -> CapabilitySets:
    fields = process.inner("capabilities")
    if fields is None:
        return CapabilitySets()
    sets = CapabilitySets(
        bounding=_names(fields, "bounding"),
        effective=_names(fields, "effective"),
        inheritable=_names(fields, "inheritable"),
        permitted=_names(fields, "permitted"),
        ambient=_names(fields, "ambient"),
    )
    _check_within(fields.at("effective"), sets.effective, sets.permitted)
    _check_within(fields.at("ambient"), sets.ambient, sets.permitted)
    _check_within(fields.at("ambient"), sets.ambient, sets.inheritable)
    return sets


def _check_within(where: str, names: tuple[str, ...], others: tuple[str, ...]) -> None:
    """Refuse what capset(2) and PR_CAP_AMBIENT would: see capabilities(7)."""
    for name in names:
        if name not in others:
            raise InvalidSpec(where, f"{name} must be in the sets that limit this one, too")


def _names(fields: Fields, name: str) -> tuple[str, ...]:
    names = fields.texts(name)
    for place, capability in enumerate(names):
        if capability not in CAPABILITIES:
            raise InvalidSpec(f"{fields.at(name)}[{place}]", f"{capability!r} is not a capability")
    return names


def _parse_rlimits(process: Fields) -> tuple[Rlimit, ...]:
    found: dict[int, Rlimit] = {}
    for fields in process.items("rlimits"):
        number = RLIMITS.index(fields.choice("type", RLIMITS) or _lacks_type(fields))
        if number in found:
            raise InvalidSpec(fields.at("type"), f"{RLIMITS[number]} is given twice")
        soft = fields.required_integer("soft", least=0, most=_UINT64)
        hard = fields.required_integer("hard", least=0, most=_UINT64)
        if soft > hard:
            raise InvalidSpec(fields.at("soft"), f"{soft} is above the hard limit {hard}")
        found[number] = Rlimit(number, soft, hard)
    return tuple(found.values())


def _lacks_type(fields: Fields) -> str:
    raise InvalidSpec(fields.at("type"), "is required")
