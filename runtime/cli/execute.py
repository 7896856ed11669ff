"""Execute a further process in a container: exec."""

from __future__ import annotations

import errno
import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from runtime.cgroups.below import open_below, open_of
from runtime.cgroups.cgroup import Cgroup
from runtime.cli import containers, create, log, terminal
from runtime.cli.arguments import Words
from runtime.cli.containers import Container
from runtime.cli.descriptors import inherited
from runtime.cli.process import further
from runtime.cli.stay import stay
from runtime.errors import Conflict, InvalidSpec, KernelRefused
from runtime.isolation.children import Launched
from runtime.isolation.oci.join import join
from runtime.isolation.oci.namespaces import read_maps
from runtime.isolation.oci.plan import (
    ProcessPlan,
    check_further,
    check_ids,
    missing_powers,
    plan_process,
)
from runtime.kernel import process
from runtime.oci.config import Config, parse_config
from runtime.oci.config_fields import refuse_uncarried
from runtime.oci.config_process import ProcessConfig, parse_process
from runtime.oci.reading import Fields
from runtime.state import durable

_CGROUP = "--cgroup"


def command(words: Words) -> int:
    """Carry `exec` out; the exit code is the process's, unless it is detached.

    Raises InvalidSpec that names the flag or the field, Conflict for a container that does not run.
    """
    preserved = inherited(words)
    container = containers.find(containers.root_of(words), words.words[0])
    data = container.config_bytes()
    config = parse_config(data)
    asked = _read(words, json.loads(data)["process"])
    wanted = _plan(words, asked, config)
    wanted = replace(
        wanted,
        preserved=preserved.numbers,
        env={**wanted.env, **preserved.environment},
    )
    detached = words.is_on("--detach")
    before = signal.pthread_sigmask(signal.SIG_SETMASK, [] if detached else signal.valid_signals())
    try:
        with ExitStack() as closing:
            shown = terminal.choose(words, terminal=wanted.terminal, foreground=not detached)
            if shown is not None:
                closing.callback(shown.close)
            joined = _join(words, container, wanted, shown)
            create.write_pid_file(words, joined.pid)
            if detached:
                return 0
            return stay(joined, shown)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _read(words: Words, bundle: dict[str, Any]) -> ProcessConfig:
    path = words.last("--process")
    given = None
    if path:
        try:
            given = json.loads(durable.read(path))
        except OSError as error:
            reason = f"{path}: {os.strerror(error.errno or 0).lower()}"
            raise InvalidSpec("--process", reason) from None
        except (ValueError, RecursionError) as error:
            raise InvalidSpec("--process", f"{path} is not JSON: {error}") from None
        if not isinstance(given, dict):
            raise InvalidSpec("--process", f"{path} is not a JSON object")
    document = further(words, bundle, given)
    refuse_uncarried({"process": document})
    return parse_process(Fields(document, "process"))


def _plan(words: Words, asked: ProcessConfig, config: Config) -> ProcessPlan:
    around = create.surroundings()
    for name in missing_powers(asked, config, around):
        log.warn(words, f"process.capabilities: {name} is left out, this runtime has it not")
    wanted = plan_process(asked, config, around)
    if wanted.terminal and wanted.console_size is None and not words.last("--console-socket"):
        wanted = replace(wanted, console_size=terminal.own_size())
    return wanted


def _join(
    words: Words, container: Container, wanted: ProcessPlan, shown: terminal.Console | None
) -> Launched:
    receiver = shown.receiver if shown is not None else None
    with _first(words, container) as first, ExitStack() as closing:
        maps = read_maps(first.pid)
        check_ids(wanted, maps)
        check_further(wanted)
        cgroup = _cgroup(words, container)
        if cgroup is None:
            return join(first, wanted, maps=maps, cgroup=None, console=receiver)
        closing.callback(cgroup.close)
        try:
            return join(first, wanted, maps=maps, cgroup=cgroup, console=receiver)
        except KernelRefused as refused:
            if (refused.call, refused.errno) != ("clone3", errno.EBUSY):
                raise
        lower = open_of(cgroup, first.pid)
        closing.callback(lower.close)
        return join(first, wanted, maps=maps, cgroup=lower, console=receiver)


@contextmanager
def _first(words: Words, container: Container) -> Iterator[Launched]:
    """Yield the container's first process, which is what its number says as long as this lasts."""
    status = container.status
    if status == "paused" and not words.is_on("--ignore-paused"):
        raise Conflict("cannot execute in a container that is paused: resume it first")
    if status not in ("created", "running", "paused"):
        raise Conflict(f"cannot execute in a container that is {status}")
    pidfd = process.pidfd_open(container.record.pid)
    try:
        if not container.is_alive():
            raise Conflict("cannot execute in a container that is stopped")
        yield Launched(container.record.pid, pidfd)
    finally:
        os.close(pidfd)


def _cgroup(words: Words, container: Container) -> Cgroup | None:
    cgroup = container.cgroup()
    paths = cgroup_paths(words.all(_CGROUP))
    if not paths:
        return cgroup
    if cgroup is None:
        raise InvalidSpec(_CGROUP, "the container has no cgroup")
    try:
        return open_below(cgroup, paths, field=_CGROUP)
    finally:
        cgroup.close()


def cgroup_paths(given: list[str]) -> dict[str, str]:
    """Return what `[CONTROLLER,...:]PATH` say, by controller; "" stands for all others. Pure."""
    found = {}
    for text in given:
        controllers, _, path = text.rpartition(":")
        found.update(dict.fromkeys(controllers.split(","), path))
    return found
