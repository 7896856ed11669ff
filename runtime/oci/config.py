"""config.json of an OCI bundle as frozen types (runtime-spec 1.2, config.md). Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass

from runtime.errors import InvalidSpec
from runtime.oci.config_fields import refuse_uncarried
from runtime.oci.config_linux import Linux, parse_linux
from runtime.oci.config_mounts import Mount, parse_mount
from runtime.oci.config_process import ProcessConfig, parse_process
from runtime.oci.reading import Fields
from runtime.oci.version import SPEC_VERSION

HOOKS = (
    "prestart",
    "createRuntime",
    "createContainer",
    "startContainer",
    "poststart",
    "poststop",
)
_HOST_NAME = 64
"""The longest name that sethostname(2) takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A program to run at a point of a container's life; `timeout_seconds` None waits for ever."""

    path: str
    args: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    timeout_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A container as its bundle describes it; `hooks` are by the names in `HOOKS`."""

    process: ProcessConfig
    rootfs: str
    linux: Linux
    read_only: bool = False
    hostname: str = ""
    domainname: str = ""
    mounts: tuple[Mount, ...] = ()
    hooks: dict[str, tuple[Hook, ...]]
    annotations: tuple[tuple[str, str], ...] = ()


def parse_config(data: bytes) -> Config:
    """Return the configuration in `data`, the bytes of config.json.

    Raises InvalidSpec that names the field: for what is wrong, and for what would have to be
    ignored (`config_fields.REFUSED`).
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidSpec("config.json", f"is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise InvalidSpec("config.json", "is not a JSON object")
    fields = Fields(document)
    _check_version(fields.required_text("ociVersion"))
    refuse_uncarried(document)
    config = Config(
        process=parse_process(_required(fields, "process")),
        rootfs=_required(fields, "root").required_text("path"),
        read_only=_required(fields, "root").flag("readonly"),
        linux=parse_linux(_required(fields, "linux")),
        hostname=_host_name(fields, "hostname"),
        domainname=_host_name(fields, "domainname"),
        mounts=tuple(parse_mount(item) for item in fields.items("mounts")),
        hooks=_parse_hooks(fields),
        annotations=fields.table("annotations"),
    )
    for name in ("hostname", "domainname"):
        if getattr(config, name) and "uts" not in config.linux.namespaces:
            raise InvalidSpec(name, "needs a uts namespace that is not the host's")
    return config


def _required(fields: Fields, name: str) -> Fields:
    inner = fields.inner(name)
    if inner is None:
        raise InvalidSpec(name, "is required")
    return inner


def _check_version(text: str) -> None:
    """Refuse other majors; minors only add (runtime-spec follows semver.org)."""
    parts = text.partition("-")[0].partition("+")[0].split(".")
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):
        raise InvalidSpec("ociVersion", f"{text!r} is not a version such as {SPEC_VERSION}")
    if parts[0] != "1":
        raise InvalidSpec("ociVersion", f"{text} is not one of 1.x, up to {SPEC_VERSION}")


def _host_name(fields: Fields, name: str) -> str:
    value = fields.text(name)
    if len(value.encode()) > _HOST_NAME:
        raise InvalidSpec(name, f"is longer than {_HOST_NAME} bytes")
    return value


def _parse_hooks(fields: Fields) -> dict[str, tuple[Hook, ...]]:
    hooks = fields.inner("hooks")
    if hooks is None:
        return {}
    return {name: tuple(_parse_hook(item) for item in hooks.items(name)) for name in HOOKS}


def _parse_hook(fields: Fields) -> Hook:
    path = fields.required_text("path")
    if not path.startswith("/"):
        raise InvalidSpec(fields.at("path"), f"{path!r} is not an absolute path")
    return Hook(
        path=path,
        args=fields.texts("args"),
        env=fields.texts("env"),
        timeout_seconds=fields.integer("timeout", least=1, most=2**31),
    )
