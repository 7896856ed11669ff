"""The canonical container spec: browser form, REST and Docker JSON all parse into this."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from runtime.errors import InvalidSpec
from runtime.spec import fields
from runtime.spec.limits import Limits

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}")
HOSTNAME = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9.-]{0,62}[a-zA-Z0-9])?")
NAMESPACE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
RESTART = ("no", "on-failure", "always", "unless-stopped")
HOST_NAMESPACES = ("pid", "ipc", "uts", "network", "cgroup", "user")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """A host path seen inside the container."""

    source: str
    target: str
    read_only: bool = False

    def __post_init__(self) -> None:
        for name in ("source", "target"):
            value = fields.text(f"binds.{name}", getattr(self, name))
            if not value.startswith("/"):
                raise InvalidSpec(f"binds.{name}", f"{value!r} is not absolute")
        fields.flag("binds.read_only", self.read_only)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """Everything that can be asked of a container.

    `image` is a reference or a digest in `namespace` (the owning team's key). `command` replaces
    the image's Cmd, `entrypoint` its Entrypoint. `id_range` is the first host id of the user
    namespace's 65,536 ids; None lets the engine use its own default. `stop_timeout_seconds` is the
    grace between the stop signal and SIGKILL. `restart_retries` counts only for on-failure; 0 is
    without end. Host paths, devices, host namespaces and the rest of the opt-outs are policy's to
    allow and refused by the node ceiling unless its file says otherwise.
    """

    image: str
    namespace: str = "default"
    name: str | None = None
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    user: str | None = None
    working_dir: str | None = None
    hostname: str | None = None
    stop_signal: str | None = None
    stop_timeout_seconds: int = 10
    restart: str = "no"
    restart_retries: int = 0
    read_only: bool = False
    id_range: int | None = None
    privileged: bool = False
    capabilities_add: tuple[str, ...] = ()
    capabilities_drop: tuple[str, ...] = ()
    seccomp: str = "default"
    no_new_privileges: bool = True
    host_namespaces: tuple[str, ...] = ()
    binds: tuple[Bind, ...] = ()
    devices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for check in (_check_identity, _check_process, _check_lifecycle, _check_opt_outs):
            check(self)
        for name in ("env", "labels"):
            frozen = MappingProxyType(dict(fields.text_mapping(name, getattr(self, name))))
            object.__setattr__(self, name, frozen)

    def to_json(self) -> dict[str, Any]:
        """Return plain data; `from_json` is its inverse."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        plain["limits"] = self.limits.to_json()
        plain["binds"] = [
            {"source": bind.source, "target": bind.target, "read_only": bind.read_only}
            for bind in self.binds
        ]
        for name, value in plain.items():
            if isinstance(value, tuple):
                plain[name] = list(value)
            elif isinstance(value, Mapping):
                plain[name] = dict(value)
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> ContainerSpec:
        """Parse untrusted data. Raises InvalidSpec naming the field, also for unknown fields."""
        given = dict(plain)
        for name in given:
            if name not in cls.__dataclass_fields__:
                raise InvalidSpec(str(name), "there is no such field")
        if "image" not in given:
            raise InvalidSpec("image", "is required")
        for name in ("command", "entrypoint", "capabilities_add", "capabilities_drop"):
            if given.get(name) is not None:
                given[name] = fields.strings(name, given[name])
        for name in ("host_namespaces", "devices"):
            if name in given:
                given[name] = fields.strings(name, given[name])
        if "limits" in given:
            given["limits"] = Limits.from_json(fields.mapping("limits", given["limits"]))
        if "binds" in given:
            given["binds"] = tuple(_bind(bind) for bind in fields.items("binds", given["binds"]))
        return cls(**given)


def _check_identity(spec: ContainerSpec) -> None:
    if not fields.text("image", spec.image).strip():
        raise InvalidSpec("image", "is empty")
    if not NAMESPACE.fullmatch(fields.text("namespace", spec.namespace)):
        raise InvalidSpec("namespace", f"{spec.namespace!r} is not a lower-case label")
    if spec.name is not None and not NAME.fullmatch(fields.text("name", spec.name)):
        raise InvalidSpec(
            "name", f"{spec.name!r} must be 1 to 128 of letters, digits, '_', '.' and '-'"
        )
    if spec.hostname is not None and not HOSTNAME.fullmatch(fields.text("hostname", spec.hostname)):
        raise InvalidSpec("hostname", f"{spec.hostname!r} is not a host name (hostname(7))")


def _check_process(spec: ContainerSpec) -> None:
    fields.strings("command", spec.command)
    if spec.entrypoint is not None:
        fields.strings("entrypoint", spec.entrypoint)
    for key in fields.text_mapping("env", spec.env):
        if not key or "=" in key:
            raise InvalidSpec("env", f"{key!r} is not a name of a variable")
    if spec.user is not None:
        fields.text("user", spec.user)
    if spec.working_dir is not None and not fields.text("working_dir", spec.working_dir).startswith(
        "/"
    ):
        raise InvalidSpec("working_dir", f"{spec.working_dir!r} is not absolute")


def _check_lifecycle(spec: ContainerSpec) -> None:
    if spec.stop_signal is not None:
        fields.text("stop_signal", spec.stop_signal)
    fields.count("stop_timeout_seconds", spec.stop_timeout_seconds, 86_400)
    fields.count("restart_retries", spec.restart_retries, 1_000_000)
    if spec.restart not in RESTART:
        raise InvalidSpec("restart", f"{spec.restart!r} is none of {', '.join(RESTART)}")
    if spec.id_range is not None:
        fields.count("id_range", spec.id_range, 0xFFFF_0000)


def _check_opt_outs(spec: ContainerSpec) -> None:
    for name in ("read_only", "privileged", "no_new_privileges"):
        fields.flag(name, getattr(spec, name))
    for name in ("capabilities_add", "capabilities_drop", "devices"):
        fields.strings(name, getattr(spec, name))
    if spec.seccomp not in ("default", "unconfined"):
        raise InvalidSpec("seccomp", f"{spec.seccomp!r} is neither default nor unconfined")
    for wanted in fields.strings("host_namespaces", spec.host_namespaces):
        if wanted not in HOST_NAMESPACES:
            raise InvalidSpec(
                "host_namespaces", f"{wanted!r} is none of {', '.join(HOST_NAMESPACES)}"
            )


def _bind(value: object) -> Bind:
    given = fields.mapping("binds", value)
    for name in given:
        if name not in Bind.__dataclass_fields__:
            raise InvalidSpec(f"binds.{name}", "there is no such field")
    for name in ("source", "target"):
        if name not in given:
            raise InvalidSpec(f"binds.{name}", "is required")
    return Bind(**given)
