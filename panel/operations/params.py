"""The parameters of each kind: untrusted JSON in, complete and valid JSON out. Pure."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from panel.operations import kinds
from runtime.errors import InvalidSpec
from runtime.spec import fields
from runtime.spec.amendment import Amendment
from runtime.spec.container import CONTAINER_NAME, ContainerSpec
from runtime.spec.execution import ExecSpec
from runtime.spec.session import SessionSpec

LONGEST_STOP_SECONDS = 86_400
LONGEST_REFERENCE = 512
"""Characters of an image's reference: what the rows have room for."""
LARGEST_SPEC = 256 * 1024
"""Bytes of a container's spec as JSON, all fields included: rows and pages carry it."""
LEAST_INTERVAL_SECONDS = 0.5
LONGEST_INTERVAL_SECONDS = 60.0
IDENTITY = re.compile(r"[0-9a-f]{32}")
"""How containers and operations are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """What a team's row says about the specs of its containers, whatever the request said."""

    namespace: str
    id_range: int


def parse(code: str, params: Mapping[str, Any], *, owner: Owner) -> dict[str, Any]:
    """Return the complete parameters of a kind. Raises InvalidSpec naming the field."""
    given = fields.mapping("params", params)
    parser, known = _PARSERS[code]
    for name in given:
        if name not in known:
            raise InvalidSpec(str(name), "there is no such field")
    return parser(given, owner)


def create_spec(params: Mapping[str, Any], *, owner: Owner) -> ContainerSpec:
    """Return the spec in a create's parameters; namespace and ids are the owner's. InvalidSpec."""
    plain = dict(fields.mapping("spec", params.get("spec")))
    plain["namespace"], plain["id_range"] = owner.namespace, owner.id_range
    spec = ContainerSpec.from_json(plain)
    check_reference(spec.image)
    return spec


def check_reference(image: str) -> None:
    """Raise InvalidSpec for a reference that is too long for a row."""
    if len(image) > LONGEST_REFERENCE:
        raise InvalidSpec("image", f"is longer than {LONGEST_REFERENCE} characters")


def exec_spec(params: Mapping[str, Any]) -> ExecSpec:
    """Return the spec in an exec's parameters. Raises InvalidSpec."""
    return ExecSpec.from_json(fields.mapping("spec", params.get("spec")))


def session_spec(params: Mapping[str, Any]) -> SessionSpec:
    """Return the spec in a session's parameters. Raises InvalidSpec."""
    return SessionSpec.from_json(fields.mapping("spec", params.get("spec")))


def signal_name(value: object) -> str:
    """Return the full name of a signal given as `TERM`, `SIGTERM` or 15. Raises InvalidSpec."""
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        text = fields.text("signal", value).upper()
        name = text if text.startswith("SIG") else f"SIG{text}"
        number = int(text) if text.isdecimal() and len(text) < 4 else _number(name)
    try:
        return signal.Signals(number).name
    except ValueError:
        raise InvalidSpec("signal", f"{value!r} is no signal (signal(7))") from None


def _number(name: str) -> int:
    return int(signal.Signals.__members__.get(name, 0))


def _create(given: Mapping[str, Any], owner: Owner) -> dict[str, Any]:
    start = given.get("start", True)
    fields.flag("start", start)
    spec = create_spec(given, owner=owner).to_json()
    size = len(json.dumps(spec))
    if size > LARGEST_SPEC:
        raise InvalidSpec("spec", f"is {size} bytes of JSON, at most {LARGEST_SPEC} are taken")
    return {"spec": spec, "start": start}


def _nothing(_: Mapping[str, Any], __: Owner) -> dict[str, Any]:
    return {}


def _stop(given: Mapping[str, Any], _: Owner) -> dict[str, Any]:
    seconds = given.get("timeout_seconds")
    if seconds is not None and not 0 <= fields.number("timeout_seconds", seconds) <= (
        LONGEST_STOP_SECONDS
    ):
        raise InvalidSpec("timeout_seconds", f"{seconds} is not from 0 to {LONGEST_STOP_SECONDS}")
    return {"timeout_seconds": seconds}


def container_name(value: object) -> str:
    """Return a name that a container may have. Raises InvalidSpec."""
    name = str(CONTAINER_NAME("name", value))
    if IDENTITY.fullmatch(name):
        raise InvalidSpec("name", "looks like an id: containers are found by both")
    return name


def _rename(given: Mapping[str, Any], _: Owner) -> dict[str, Any]:
    return {"name": container_name(given.get("name"))}


def _kill(given: Mapping[str, Any], _: Owner) -> dict[str, Any]:
    return {"signal": signal_name(given.get("signal", "SIGKILL"))}


def _update(given: Mapping[str, Any], _: Owner) -> dict[str, Any]:
    return Amendment.from_json(given).to_json()


def _delete(given: Mapping[str, Any], _: Owner) -> dict[str, Any]:
    force = given.get("force", False)
    fields.flag("force", force)
    return {"force": force}


def _exec(given: Mapping[str, Any], _: Owner) -> dict[str, Any]:
    return {"spec": exec_spec(given).to_json()}


def _session(given: Mapping[str, Any], _: Owner) -> dict[str, Any]:
    return {"spec": session_spec(given).to_json()}


def _attach(given: Mapping[str, Any], _: Owner) -> dict[str, Any]:
    session = fields.text("session", given.get("session"))
    if not IDENTITY.fullmatch(session):
        raise InvalidSpec("session", f"{session!r} is not the id of a session")
    fields.whole("offset", given.get("offset"), 0, (1 << 63) - 1)
    return {"session": session, "offset": given.get("offset") or 0}


def _load(given: Mapping[str, Any], _: Owner) -> dict[str, Any]:
    upload = fields.text("upload", given.get("upload"))
    if not IDENTITY.fullmatch(upload):
        raise InvalidSpec("upload", f"{upload!r} is not the id of an upload")
    return {"upload": upload}


def _logs(given: Mapping[str, Any], _: Owner) -> dict[str, Any]:
    for name in ("offset", "since_ns", "tail"):
        fields.whole(name, given.get(name), 0, (1 << 63) - 1)
    follow = given.get("follow", False)
    fields.flag("follow", follow)
    return {
        "offset": given.get("offset") or 0,
        "since_ns": given.get("since_ns"),
        "tail": given.get("tail"),
        "follow": follow,
    }


def _stats(given: Mapping[str, Any], _: Owner) -> dict[str, Any]:
    seconds = given.get("interval_seconds")
    if seconds is not None:
        seconds = fields.number("interval", seconds)
        if not LEAST_INTERVAL_SECONDS <= seconds <= LONGEST_INTERVAL_SECONDS:
            bounds = f"{LEAST_INTERVAL_SECONDS:g} to {LONGEST_INTERVAL_SECONDS:g} seconds"
            raise InvalidSpec("interval", f"{seconds:g} is not from {bounds}")
    return {"interval_seconds": seconds}


def _upload(given: Mapping[str, Any], _: Owner) -> dict[str, Any]:
    fields.whole("size", given.get("size"), 0, 1 << 50)
    return {"size": given.get("size")}


Parser = Callable[[Mapping[str, Any], Owner], dict[str, Any]]
_PARSERS: dict[str, tuple[Parser, frozenset[str]]] = {
    kinds.CONTAINER_CREATE.code: (_create, frozenset({"spec", "start"})),
    kinds.CONTAINER_START.code: (_nothing, frozenset()),
    kinds.CONTAINER_STOP.code: (_stop, frozenset({"timeout_seconds"})),
    kinds.CONTAINER_KILL.code: (_kill, frozenset({"signal"})),
    kinds.CONTAINER_DELETE.code: (_delete, frozenset({"force"})),
    kinds.CONTAINER_EXEC.code: (_exec, frozenset({"spec"})),
    kinds.CONTAINER_SESSION.code: (_session, frozenset({"spec"})),
    kinds.CONTAINER_ATTACH.code: (_attach, frozenset({"session", "offset"})),
    kinds.IMAGE_LOAD.code: (_load, frozenset({"upload"})),
    kinds.IMAGE_DELETE.code: (_nothing, frozenset()),
    kinds.CONTAINER_LOGS.code: (_logs, frozenset({"offset", "since_ns", "tail", "follow"})),
    kinds.CONTAINER_STATS.code: (_stats, frozenset({"interval_seconds"})),
    kinds.CONTAINER_TOP.code: (_nothing, frozenset()),
    kinds.IMAGE_UPLOAD.code: (_upload, frozenset({"size"})),
    kinds.CONTAINER_PAUSE.code: (_nothing, frozenset()),
    kinds.CONTAINER_RESUME.code: (_nothing, frozenset()),
    kinds.CONTAINER_RENAME.code: (_rename, frozenset({"name"})),
    kinds.CONTAINER_UPDATE.code: (_update, frozenset({"limits", "restart"})),
    kinds.CONTAINER_RESTART.code: (_stop, frozenset({"timeout_seconds"})),
}
