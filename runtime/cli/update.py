"""Change the limits of a container that is there already."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

from runtime.cgroups.layout import detect_all
from runtime.cgroups.present import read_present
from runtime.cgroups.update_plan import Present, complete, plan_update
from runtime.cli import containers
from runtime.cli.arguments import UPDATES, Words
from runtime.cli.containers import Container, root_of
from runtime.cli.pause import cgroup_of
from runtime.errors import Conflict, InvalidSpec
from runtime.oci.config_fields import refuse_uncarried
from runtime.oci.config_resources import LinuxResources, parse_resources
from runtime.oci.reading import Fields
from runtime.state import durable

_FIELD = "linux.resources"
_ALIVE = ("created", "running", "paused")
_SIZE = re.compile(r"(\d+)([kmgtp]?)(?:i?b)?", re.IGNORECASE | re.ASCII)
_INTEGER = re.compile(r"-?\d+", re.ASCII)


def command(words: Words) -> int:
    """Carry `update` out; all limits are set, or none.

    Raises InvalidSpec that names the flag or the field, Conflict for one that has stopped,
    KernelRefused.
    """
    container = containers.find(root_of(words), words.words[0])
    document = _document(words)
    lock = containers.lock(container)
    try:
        status = container.status
        if status not in _ALIVE:
            raise Conflict(f"cannot update a container that is {status}")
        with cgroup_of(container) as cgroup:
            present = read_present(cgroup)
            resources = _parse(document, present, container)
            cgroup.change(plan_update(resources, detect_all(), present))
    finally:
        os.close(lock)
    return 0


def from_flags(words: Words) -> dict[str, Any]:
    """Return `linux.resources` as flags say it. Raises InvalidSpec that names the flag. Pure."""
    made: dict[str, Any] = {}
    for flag, (topic, name, kind) in UPDATES.items():
        text = words.last(flag)
        if text:
            made.setdefault(topic, {})[name] = text if kind == "text" else _number(flag, text, kind)
    return made


def _document(words: Words) -> dict[str, Any]:
    made = from_flags(words)
    path = words.last("--resources")
    if not path:
        return made
    if made:
        raise InvalidSpec("--resources", "is given, so there must be no limits beside it")
    try:
        given = json.loads(sys.stdin.buffer.read() if path == "-" else durable.read(path))
    except OSError as error:
        reason = f"{path}: {os.strerror(error.errno or 0).lower()}"
        raise InvalidSpec("--resources", reason) from None
    except (ValueError, RecursionError) as error:
        raise InvalidSpec("--resources", f"{path} is not JSON: {error}") from None
    if not isinstance(given, dict):
        raise InvalidSpec("--resources", f"{path} is not a JSON object")
    return given


def _parse(document: dict[str, Any], present: Present, container: Container) -> LinuxResources:
    """Read a document; rules of devices are no limits, and can but be what they were."""
    made = complete(document, present)
    refuse_uncarried({"linux": {"resources": made}})
    resources = parse_resources(Fields(made, _FIELD))
    if resources.devices and resources.devices != container.config().linux.resources.devices:
        raise InvalidSpec(f"{_FIELD}.devices", "cannot be changed while the container is there")
    return resources


def _number(flag: str, text: str, kind: str) -> int:
    """Return a number, or a size such as 512m; -1 is no limit."""
    if _INTEGER.fullmatch(text):
        return int(text)
    size = _SIZE.fullmatch(text) if kind == "size" else None
    if size is None:
        raise InvalidSpec(flag, f"{text!r} is not a number")
    return int(size[1]) << 10 * " kmgtp".index(size[2].lower() or " ")
