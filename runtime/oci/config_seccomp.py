"""`linux.seccomp` of config.json, and Docker's profiles once they are resolved: the same form.

Calls are kept by name; runtime.isolation.profile makes a filter of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from runtime.errors import InvalidSpec
from runtime.oci.reading import Fields

_UINT64 = 2**64 - 1
EPERM = 1
_LARGEST_ERRNO = 4095
ACTIONS = (
    "SCMP_ACT_ALLOW",
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_LOG",
    "SCMP_ACT_TRACE",
    "SCMP_ACT_TRAP",
)
OPERATORS = (
    "SCMP_CMP_NE",
    "SCMP_CMP_LT",
    "SCMP_CMP_LE",
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
    "SCMP_CMP_MASKED_EQ",
)
FLAGS = ("SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW")
WITH_ERRNO = ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE")
"""Actions that tell the caller a number."""


@dataclass(frozen=True, slots=True)
class Action:
    """What the kernel does; `errno` is told by SCMP_ACT_ERRNO and SCMP_ACT_TRACE."""

    name: str
    errno: int = 0


@dataclass(frozen=True, slots=True)
class Condition:
    """Argument `index` compared; `second` is what a masked argument must equal."""

    index: int
    operator: str
    value: int
    second: int


@dataclass(frozen=True, slots=True)
class Rule:
    """`action` for any call of `names` whose arguments meet all `conditions`."""

    names: tuple[str, ...]
    action: Action
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seccomp:
    """A filter: the first rule that fits a call decides, `default` where none does."""

    default: Action
    architectures: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()


def parse_seccomp(fields: Fields) -> Seccomp:
    """Return the filter. Raises InvalidSpec that names the field."""
    return Seccomp(
        default=_parse_action(fields, "defaultAction", "defaultErrnoRet"),
        architectures=fields.texts("architectures"),
        flags=_parse_flags(fields),
        rules=tuple(_parse_rule(item) for item in fields.items("syscalls")),
    )


def _parse_action(fields: Fields, name: str, errno_name: str) -> Action:
    action = fields.text(name)
    if action == "SCMP_ACT_NOTIFY":
        raise InvalidSpec(fields.at(name), "notifying a listener is not carried out")
    action = fields.choice(name, ACTIONS)
    if not action:
        raise InvalidSpec(fields.at(name), "is required")
    errno = fields.integer(errno_name, least=0, most=_LARGEST_ERRNO)
    if action not in WITH_ERRNO:
        if errno is not None:
            raise InvalidSpec(fields.at(errno_name), f"means nothing with {action}")
        return Action(action)
    return Action(action, EPERM if errno is None else errno)


def _parse_flags(fields: Fields) -> tuple[str, ...]:
    flags = fields.texts("flags")
    for place, flag in enumerate(flags):
        if flag not in FLAGS:
            raise InvalidSpec(f"{fields.at('flags')}[{place}]", f"{flag!r} is not carried out")
    return flags


def _parse_rule(fields: Fields) -> Rule:
    names = fields.texts("names")
    if not names:
        raise InvalidSpec(fields.at("names"), "must name a system call")
    conditions = tuple(_parse_condition(item) for item in fields.items("args"))
    return Rule(names, _parse_action(fields, "action", "errnoRet"), conditions)


def _parse_condition(fields: Fields) -> Condition:
    operator = fields.choice("op", OPERATORS)
    if not operator:
        raise InvalidSpec(fields.at("op"), "is required")
    return Condition(
        fields.required_integer("index", least=0, most=5),
        operator,
        fields.required_integer("value", least=0, most=_UINT64),
        fields.integer("valueTwo", least=0, most=_UINT64) or 0,
    )
