"""What can be allowed, as frozen values that stored rules and the ceiling parse into. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from runtime.errors import InvalidSpec, RuntimeFault
from runtime.spec.namespaces import HOST_NAMESPACES

LOG_BYTES = 2 << 30
"""What every container may keep of its output: segments times their size."""
SHARED = (*HOST_NAMESPACES, "mount", "time")
"""What `host_namespaces` may name: the last two only by a path."""


class Refused(RuntimeFault):
    """Policy does not allow it; `refusals` names each field and the reason."""

    code = "refused"

    def __init__(self, refusals: tuple[Refusal, ...]) -> None:
        super().__init__("; ".join(f"{one.field}: {one.reason}" for one in refusals))
        self.refusals = refusals

    def details(self) -> dict[str, Any]:
        """Return the refused fields, and the first one as `field` like InvalidSpec does."""
        told = [{"field": one.field, "reason": one.reason} for one in self.refusals]
        return {"field": self.refusals[0].field if told else "", "refusals": told}


@dataclass(frozen=True, slots=True)
class Refusal:
    """One field that may not be what it is."""

    field: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowances:
    """The opt-outs from isolation that are allowed; the default allows none, but sessions.

    `host_paths` are directories that may be bound with all below them, `capabilities`, `devices`
    and `security_profiles` are names, `host_namespaces` those that a container may share with the
    host, `max_log_bytes` is the most that one container may keep of its output, segments times
    their size, `sessions` are processes to converse with. The others are flags;
    docs/guide/commands.md says what each opens.
    """

    privileged: bool = False
    host_paths: tuple[str, ...] = ()
    host_namespaces: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    unconfined_seccomp: bool = False
    custom_seccomp: bool = False
    new_privileges: bool = False
    security_profiles: tuple[str, ...] = ()
    unmasked_paths: bool = False
    other_containers: bool = False
    other_filesystems: bool = False
    mount_propagation: bool = False
    mount_options: bool = False
    volume_drivers: bool = False
    host_ports: bool = False
    hooks: bool = False
    log_options: bool = False
    oom_protection: bool = False
    realtime: bool = False
    raw_cgroup: bool = False
    sessions: bool = True
    max_log_bytes: int = LOG_BYTES

    @classmethod
    def parse(cls, plain: Mapping[str, Any]) -> Allowances:
        """Parse plain data. Raises InvalidSpec naming what is wrong, unknown names included."""
        known = {field.name: field for field in fields(cls)}
        given: dict[str, Any] = {}
        for name, value in plain.items():
            if name not in known:
                raise InvalidSpec(name, "there is no such rule")
            given[name] = _PARSERS.get(str(known[name].type), _names)(name, value)
        return cls(**given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """How much a team may have in all; None is without end. `max_pids` counts per container."""

    max_containers: int | None = None
    max_memory_bytes: int | None = None
    max_cpus: float | None = None
    max_pids: int | None = None

    @classmethod
    def parse(cls, plain: Mapping[str, Any]) -> Quotas:
        """Parse plain data. Raises InvalidSpec."""
        for name, value in plain.items():
            if name not in cls.__dataclass_fields__:
                raise InvalidSpec(name, "there is no such quota")
            if value is not None and (
                isinstance(value, bool) or not isinstance(value, int | float)
            ):
                raise InvalidSpec(name, f"{value!r} is not a number")
        return cls(**plain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What one team may ask for."""

    allowances: Allowances = Allowances()
    quotas: Quotas = Quotas()

    def overridden(self, plain: Mapping[str, Any]) -> Rules:
        """Return these rules with the stored differences. Raises InvalidSpec."""
        given = dict(plain)
        quotas = {name: given.pop(name) for name in Quotas.__dataclass_fields__ if name in given}
        Quotas.parse(quotas)
        parsed = Allowances.parse(given)
        changed = {name: getattr(parsed, name) for name in given}
        return Rules(
            allowances=replace(self.allowances, **changed),
            quotas=replace(self.quotas, **quotas),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a team has already, without the container that is judged."""

    containers: int = 0
    memory_bytes: int = 0
    cpus: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """What this node allows at most, whatever the database says.

    `id_base` is the first host id that containers may be given. `fault` is the sentence that says
    why the file could not be used; then nothing is allowed.
    """

    id_base: int
    allowances: Allowances = Allowances()
    fault: str = ""


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidSpec(name, f"{value!r} is neither true nor false")
    return value


def _names(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise InvalidSpec(name, f"{value!r} is not a list of names")
    if name == "host_paths" and not all(one.startswith("/") for one in value):
        raise InvalidSpec(name, "a path is not absolute")
    if name == "host_namespaces" and not set(value) <= set(SHARED):
        raise InvalidSpec(name, f"known are {', '.join(SHARED)}")
    return tuple(value)


def _bytes(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidSpec(name, f"{value!r} is not a number of bytes")
    return value


_PARSERS: dict[str, Callable[[str, object], Any]] = {"bool": _flag, "int": _bytes}
"""How a rule is read, by its type; the rest are lists of names."""
