"""Make a container of a bundle; its first process waits to be started."""

from __future__ import annotations

import os
import posixpath
import pwd
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from runtime.cgroups import cgroup as cgroups
from runtime.cgroups.cgroup import Cgroup
from runtime.cli import containers, log, terminal
from runtime.cli.arguments import Words
from runtime.cli.containers import Container, Record
from runtime.cli.descriptors import Inherited, inherited
from runtime.cli.late_hooks import run_each
from runtime.errors import Conflict, InvalidSpec
from runtime.isolation.children import Launched
from runtime.isolation.hooks import run_hooks
from runtime.isolation.oci import launch
from runtime.isolation.oci.gate import Gate
from runtime.isolation.oci.plan import (
    Blueprint,
    Surroundings,
    missing_powers,
    plan_blueprint,
    plan_process,
)
from runtime.kernel import caps
from runtime.oci.config import Config, parse_config
from runtime.state import durable

_MANAGERS = ("cgroupfs", "disabled")


@dataclass(frozen=True, slots=True)
class Created:
    """A container whose first process, a child of this one, waits at its gate."""

    container: Container
    config: Config
    launched: Launched
    shown: terminal.Console | None


def command(words: Words) -> int:
    """Carry `create` out."""
    created = create(words)
    write_pid_file(words, created.launched.pid)
    return 0


def create(words: Words, *, foreground: bool = False) -> Created:
    """Make the container that `words` name; everything is checked before anything is made.

    In the `foreground` a terminal without a console socket is the caller's to show.

    Raises InvalidSpec that names the field or the flag, Conflict, KernelRefused; nothing is left.
    """
    given = inherited(words)
    identity = words.words[0]
    containers.directory_of(containers.root_of(words), identity)
    bundle = os.path.abspath(words.last("--bundle", "."))
    data = _read_config(words, bundle)
    config = parse_config(data)
    blueprint = _plan(words, config, bundle, given)
    record = Record(
        id=identity,
        bundle=bundle,
        rootfs=blueprint.rootfs,
        created=datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        owner=_owner(),
        cgroup=_cgroup_path(words, config, identity),
        annotations=dict(config.annotations),
    )
    _enter_bundle(bundle)
    with ExitStack() as undo:
        shown = terminal.choose(words, terminal=config.process.terminal, foreground=foreground)
        if shown is not None:
            undo.callback(shown.close)
        container, lock = containers.make(containers.root_of(words), record, data)
        undo.callback(containers.remove, container)
        try:
            return _launch(container, blueprint, shown, undo)
        finally:
            os.close(lock)


def write_pid_file(words: Words, pid: int) -> None:
    """Write the pid where `--pid-file` says, whole or not at all."""
    path = words.last("--pid-file")
    if path:
        durable.replace(os.path.abspath(path), str(pid).encode())


def surroundings() -> Surroundings:
    """Return what plans depend on."""
    return Surroundings(machine=os.uname().machine, held=caps.capget().permitted)


def _read_config(words: Words, bundle: str) -> bytes:
    path = words.last("--config") or f"{bundle}/config.json"
    try:
        return durable.read(path)
    except OSError as error:
        raise InvalidSpec("--bundle", f"{path}: {os.strerror(error.errno or 0).lower()}") from None


def _plan(words: Words, config: Config, bundle: str, given: Inherited) -> Blueprint:
    around = surroundings()
    for name in missing_powers(config.process, config, around):
        log.warn(words, f"process.capabilities: {name} is left out, this runtime has it not")
    process = plan_process(config.process, config, around, preserved=given.numbers)
    process = replace(process, env={**process.env, **given.environment})
    if process.terminal and process.console_size is None and not words.last("--console-socket"):
        process = replace(process, console_size=terminal.own_size())
    return plan_blueprint(config, bundle, process, pivot=not words.is_on("--no-pivot"))


def _cgroup_path(words: Words, config: Config, identity: str) -> str:
    """Return the path below each hierarchy's root, "" for no cgroup at all."""
    manager = words.last("--cgroup-manager", "cgroupfs")
    if words.is_on("--systemd-cgroup") or manager == "systemd":
        raise InvalidSpec("--systemd-cgroup", "is not carried out: give --cgroup-manager=cgroupfs")
    if manager not in _MANAGERS:
        raise InvalidSpec("--cgroup-manager", f"{manager!r} is none of {', '.join(_MANAGERS)}")
    if manager == "disabled":
        return ""
    given = config.linux.cgroups_path
    path = posixpath.normpath(f"/{given}").strip("/") if given else f"moorage-oci-{identity}"
    if not path:
        raise InvalidSpec("linux.cgroupsPath", f"{given!r} is the root of all groups")
    return path


def _owner() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _enter_bundle(bundle: str) -> None:
    """Relative sources of mounts are the bundle's."""
    try:
        os.chdir(bundle)
    except OSError as error:
        reason = f"{bundle}: {os.strerror(error.errno or 0).lower()}"
        raise InvalidSpec("--bundle", reason) from None


def _launch(
    container: Container, blueprint: Blueprint, shown: terminal.Console | None, undo: ExitStack
) -> Created:
    """Make what the kernel has of it; `undo` is dropped when all of it is there."""
    config = blueprint.config
    cgroup = _make_cgroup(container.record.cgroup, config, undo)
    gate = Gate(container.directory)
    undo.callback(gate.close)
    told = _Told(container, config, undo)
    launched = launch.create(
        blueprint,
        cgroup=cgroup,
        gate=gate,
        console=shown.receiver if shown is not None else None,
        moments=launch.Moments(cloned=told.cloned, built=told.built),
    )
    undo.pop_all()
    gate.close()
    if cgroup is not None:
        cgroup.close()
    if shown is not None:
        shown.drop_receiver()
    return Created(told.container, config, launched, shown)


def _make_cgroup(path: str, config: Config, undo: ExitStack) -> Cgroup | None:
    if not path:
        return None
    try:
        made = cgroups.create_by_rules(path, config.linux.resources)
    except Conflict:
        raise Conflict(f"linux.cgroupsPath: a cgroup {path} exists already") from None
    undo.callback(made.remove)
    undo.callback(made.kill)
    return made


class _Told:
    """What is done at the moments of a launch."""

    def __init__(self, container: Container, config: Config, undo: ExitStack) -> None:
        self.container = container
        self._config = config
        self._undo = undo

    def cloned(self, pid: int) -> None:
        self.container = containers.with_process(self.container, pid)

    def built(self, pid: int) -> bytes:
        """Run the hooks that belong to the runtime; from here on there is an end to be told."""
        del pid
        state = self.container.state_bytes("creating")
        hooks = self._config.hooks
        self._undo.callback(run_each, "poststop", hooks.get("poststop", ()), self.container, _warn)
        for kind in ("prestart", "createRuntime"):
            run_hooks(kind, hooks.get(kind, ()), state)
        return state


def _warn(text: str) -> None:
    log.warn(None, text)
