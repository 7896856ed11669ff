"""The canonical container spec: browser form, REST and Docker JSON all parse into this."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from runtime.errors import InvalidSpec
from runtime.spec import fields
from runtime.spec.devices import Device, DeviceRequest, DeviceRule, device
from runtime.spec.health import Health
from runtime.spec.hooks import Hooks
from runtime.spec.limits import Limits
from runtime.spec.logging import Logging
from runtime.spec.mounts import Mount, Storage
from runtime.spec.namespaces import HOST, HOST_NAMESPACES, Namespaces
from runtime.spec.network import Networking
from runtime.spec.process import Process
from runtime.spec.security import Security
from runtime.spec.topic import (
    TEXT_MAP,
    TEXTS,
    Topic,
    asked,
    by,
    flag,
    mapped,
    matching,
    one,
    one_of,
    part,
    several,
    text,
    whole,
)

RESTART = ("no", "on-failure", "always", "unless-stopped")
SECCOMP = ("default", "unconfined")
CONTAINER_NAME = matching(
    r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}", "1 to 128 of letters, digits, '_', '.' and '-'"
)
_HOSTNAME = matching(r"[a-zA-Z0-9]([a-zA-Z0-9.-]{0,62}[a-zA-Z0-9])?", "a host name (hostname(7))")
NAMESPACE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_NAMESPACE = matching(NAMESPACE.pattern, "a lower-case label")
_VARIABLE = matching(r"[^=]+", "a name of a variable")
_IMAGE = matching(r"(?s)\s*\S.*", "a reference: it is empty")


def _working_dir(path: str, value: Any) -> str:
    if not fields.text(path, value).startswith("/"):
        raise InvalidSpec(path, f"{value!r} is not absolute")
    return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec(Topic):
    """Everything that can be asked of a container; each topic has a class of its own.

    `image` is a reference or a digest in `namespace` (the owning team's key), `name` what people
    call it. `command` replaces the image's Cmd, `entrypoint` its Entrypoint; `env` and `labels` are
    added to the image's, `annotations` are OCI's. `user` is name|uid[:name|gid], `working_dir` an
    absolute path, `hostname` its name (sethostname(2)). `limits`, `process`, `namespaces`,
    `security`, `network`, `storage`, `logging` and `hooks` hold what they say; `health` is a check,
    None keeps the image's. `mounts` are further filesystems, `devices`, `device_rules` and
    `device_requests` further devices.
    `stop_signal` ends it, `stop_timeout_seconds` later SIGKILL does. `restart` is one of RESTART,
    `restart_retries` counts only for on-failure; 0 is without end. `auto_remove` deletes it when it
    has ended (AutoRemove). `read_only` is the root filesystem. `id_range` is the first host id of
    the user namespace's 65,536 ids; None lets the engine use its own default. `privileged` takes
    all guards away; `capabilities_add` and `capabilities_drop` change the default ones
    (capabilities(7)); `seccomp` is default or unconfined, `no_new_privileges` is of prctl(2).
    `runtime` names the runtime (HostConfig.Runtime), `on_build` is kept for images made of it.
    Host paths, devices, host namespaces and the rest of the opt-outs are policy's to allow and
    refused by the node ceiling unless its file says otherwise.
    """

    PATH: ClassVar[str] = ""
    image: str = field(metadata=by(_IMAGE))
    namespace: str = asked(_NAMESPACE, "default")
    name: str | None = asked(CONTAINER_NAME)
    command: tuple[str, ...] = asked(TEXTS, ())
    entrypoint: tuple[str, ...] | None = asked(TEXTS)
    env: Mapping[str, str] = asked(mapped(_VARIABLE, text), {})
    labels: Mapping[str, str] = asked(TEXT_MAP, {})
    annotations: Mapping[str, str] = asked(TEXT_MAP, {})
    limits: Limits = part(Limits)
    process: Process = part(Process)
    user: str | None = asked(text)
    working_dir: str | None = asked(_working_dir)
    hostname: str | None = asked(_HOSTNAME)
    namespaces: Namespaces = part(Namespaces)
    network: Networking = part(Networking)
    mounts: tuple[Mount, ...] = asked(several(one(Mount)), ())
    storage: Storage = part(Storage)
    devices: tuple[Device, ...] = asked(several(device), ())
    device_rules: tuple[DeviceRule, ...] = asked(several(one(DeviceRule)), ())
    device_requests: tuple[DeviceRequest, ...] = asked(several(one(DeviceRequest)), ())
    health: Health | None = asked(one(Health))
    logging: Logging = part(Logging)
    hooks: Hooks = part(Hooks)
    stop_signal: str | None = asked(text)
    stop_timeout_seconds: int = asked(whole(0, 86_400), 10)
    restart: str = asked(one_of(*RESTART), "no")
    restart_retries: int = asked(whole(0, 1_000_000), 0)
    auto_remove: bool = asked(flag, default=False)
    read_only: bool = asked(flag, default=False)
    id_range: int | None = asked(whole(0, 0xFFFF_0000))
    privileged: bool = asked(flag, default=False)
    capabilities_add: tuple[str, ...] = asked(TEXTS, ())
    capabilities_drop: tuple[str, ...] = asked(TEXTS, ())
    seccomp: str = asked(one_of(*SECCOMP), "default")
    no_new_privileges: bool = asked(flag, default=True)
    security: Security = part(Security)
    runtime: str | None = asked(text)
    on_build: tuple[str, ...] = asked(TEXTS, ())

    def validate(self) -> None:
        """Refuse what contradicts itself."""
        targets = [mount.target.rstrip("/") for mount in self.mounts]
        for target in targets:
            if targets.count(target) > 1:
                raise InvalidSpec("mounts.target", f"{target} is mounted twice")
        if self.seccomp == "unconfined" and self.security.seccomp_profile is not None:
            raise InvalidSpec("seccomp", "is unconfined: leave security.seccomp_profile out")
        if self.auto_remove and self.restart != "no":
            raise InvalidSpec("auto_remove", f"contradicts restart {self.restart}: choose one")

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> ContainerSpec:
        """Parse untrusted data. Raises InvalidSpec naming the field, also for unknown fields.

        Records of the first schema have `binds` and `host_namespaces` in place of `mounts` and
        `namespaces`; they are still read.
        """
        given = dict(plain)
        _read_binds(given)
        _read_host_namespaces(given)
        return cls(**cls.known(given))


def _read_binds(given: dict[str, Any]) -> None:
    binds = fields.items("binds", given.pop("binds", None) or ())
    if binds:
        mounts = fields.items("mounts", given.get("mounts") or ())
        given["mounts"] = [Mount.from_json(fields.mapping("binds", one)) for one in binds] + mounts


def _read_host_namespaces(given: dict[str, Any]) -> None:
    names = fields.strings("host_namespaces", given.pop("host_namespaces", None) or ())
    for name in names:
        if name not in HOST_NAMESPACES:
            known = ", ".join(HOST_NAMESPACES)
            raise InvalidSpec("host_namespaces", f"{name!r} is none of {known}")
    if names:
        modes = fields.mapping("namespaces", given.get("namespaces") or {})
        given["namespaces"] = dict.fromkeys(names, HOST) | dict(modes)
