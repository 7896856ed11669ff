"""The OpenAPI 3.1 document of the REST API."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse

TEXT = {"type": "string"}
MAYBE_TEXT = {"type": ["string", "null"]}
WHOLE = {"type": "integer"}
MAYBE_WHOLE = {"type": ["integer", "null"]}
YES = {"type": "boolean"}
TEXTS = {"type": "array", "items": TEXT}
TEXT_MAP = {"type": "object", "additionalProperties": TEXT}
ANYTHING = {"type": ["object", "null"]}
TIME = {"type": "string", "format": "date-time"}
MAYBE_TIME = {"type": ["string", "null"], "format": "date-time"}
MAYBE_NUMBER = {"type": ["number", "null"]}


def _object(required: str = "", **properties: Any) -> dict[str, Any]:
    named = required.split()
    return {"type": "object", "properties": properties} | ({"required": named} if named else {})


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _figures(*names: str) -> dict[str, Any]:
    return {"type": ["object", "null"], "properties": dict.fromkeys(names, MAYBE_WHOLE)}


def _maybe(name: str) -> dict[str, Any]:
    return {"anyOf": [_ref(name), {"type": "null"}]}


def _listed(name: str) -> dict[str, Any]:
    rows = {"type": "array", "items": _ref(name)}
    return _object("results next", results=rows, next=MAYBE_TEXT)


SCHEMAS: dict[str, Any] = {
    "Limits": _object(
        memory_bytes=MAYBE_WHOLE,
        memory_swap_bytes=MAYBE_WHOLE,
        memory_reservation_bytes=MAYBE_WHOLE,
        cpus={"type": ["number", "null"]},
        cpu_shares=MAYBE_WHOLE,
        cpuset_cpus=MAYBE_TEXT,
        cpuset_mems=MAYBE_TEXT,
        pids=MAYBE_WHOLE,
    ),
    "Restart": _object(
        policy={"type": "string", "enum": ["no", "on-failure", "always", "unless-stopped"]},
        retries=WHOLE,
    ),
    "ContainerChange": _object(limits=_ref("Limits"), restart=_ref("Restart")),
    "HealthCheck": _object(
        test=TEXTS,
        interval_seconds=MAYBE_NUMBER,
        timeout_seconds=MAYBE_NUMBER,
        start_period_seconds=MAYBE_NUMBER,
        start_interval_seconds=MAYBE_NUMBER,
        retries=MAYBE_WHOLE,
    ),
    "ProbeResult": _object(
        "started finished exit_code output error",
        started=TIME,
        finished=TIME,
        exit_code=MAYBE_WHOLE,
        output=TEXT,
        error=MAYBE_TEXT,
    ),
    "Health": _object(
        "status failing_streak log",
        status={"type": "string", "enum": ["starting", "healthy", "unhealthy"]},
        failing_streak=WHOLE,
        log={"type": "array", "items": _ref("ProbeResult")},
    ),
    "NewContainer": _object(
        "image",
        image=TEXT,
        command=TEXTS,
        name=MAYBE_TEXT,
        env=TEXT_MAP,
        labels=TEXT_MAP,
        limits=_ref("Limits"),
        user=MAYBE_TEXT,
        working_dir=MAYBE_TEXT,
        health=_maybe("HealthCheck"),
        start={"type": "boolean", "default": True},
    ),
    "Container": _object(
        "id name image command state exit_code oom_killed created started finished node team",
        id=TEXT,
        name=TEXT,
        image=TEXT,
        command=TEXTS,
        state={"type": "string", "enum": ["created", "running", "paused", "exited", "dead"]},
        exit_code=MAYBE_WHOLE,
        oom_killed=YES,
        created=MAYBE_TIME,
        started=MAYBE_TIME,
        finished=MAYBE_TIME,
        node=TEXT,
        team=TEXT,
        limits=_ref("Limits"),
        restart=_ref("Restart"),
        env=TEXT_MAP,
        labels=TEXT_MAP,
        error=MAYBE_TEXT,
        restart_count=WHOLE,
        health=_maybe("Health"),
    ),
    "Operation": _object(
        "id kind status target progress error result created started finished",
        id=TEXT,
        kind=TEXT,
        status={
            "type": "string",
            "enum": ["queued", "running", "succeeded", "failed", "cancelled"],
        },
        target=MAYBE_TEXT,
        node=TEXT,
        team=TEXT,
        progress=ANYTHING,
        error=ANYTHING,
        result=ANYTHING,
        created=MAYBE_TIME,
        started=MAYBE_TIME,
        finished=MAYBE_TIME,
    ),
    "Image": _object(
        "id references size",
        id=TEXT,
        references=TEXTS,
        size=WHOLE,
        architecture=TEXT,
        created=MAYBE_TIME,
        node=TEXT,
        team=TEXT,
    ),
    "Exit": _object("exit_code oom_killed", exit_code=MAYBE_WHOLE, oom_killed=YES),
    "Exec": _object(
        "command", command=TEXTS, env=TEXT_MAP, user=MAYBE_TEXT, working_dir=MAYBE_TEXT
    ),
    "NewSession": _object(
        "command",
        command=TEXTS,
        tty={"type": "boolean", "default": True},
        rows={"type": "integer", "default": 24},
        columns={"type": "integer", "default": 80},
        env=TEXT_MAP,
        user=MAYBE_TEXT,
        working_dir=MAYBE_TEXT,
    ),
    "Session": _object("id socket operation", id=TEXT, socket=TEXT, operation=_ref("Operation")),
    "Stop": _object(timeout_seconds={"type": ["number", "null"]}),
    "Rename": _object("name", name=TEXT),
    "Kill": _object(signal=TEXT),
    "Stats": _object(
        "time monotonic_ns cpu memory pids io network pressure",
        time=TIME,
        monotonic_ns=WHOLE,
        cpu=_figures(
            *("usage_ns", "user_ns", "system_ns", "periods", "throttled_periods"),
            *("throttled_ns", "online"),
        ),
        memory=_figures(
            *("usage_bytes", "working_set_bytes", "limit_bytes", "swap_bytes", "kernel_bytes"),
            *("cache_bytes", "oom_kills"),
        ),
        pids=_figures("current", "limit"),
        io=ANYTHING,
        network=ANYTHING,
        pressure={"type": "object", "additionalProperties": _object(some=ANYTHING, full=ANYTHING)},
    ),
    "Process": _object(
        "pid host_pid parent host_parent uid host_uid state threads cpu_ns rss_bytes started"
        " command",
        pid=MAYBE_WHOLE,
        host_pid=WHOLE,
        parent=MAYBE_WHOLE,
        host_parent=WHOLE,
        uid=MAYBE_WHOLE,
        host_uid=WHOLE,
        state=TEXT,
        threads=WHOLE,
        cpu_ns=WHOLE,
        rss_bytes=WHOLE,
        started=TIME,
        command=TEXT,
    ),
    "Processes": _object(
        "time total processes",
        time=TIME,
        total=WHOLE,
        processes={"type": "array", "items": _ref("Process")},
    ),
    "Problem": _object(
        "type title status detail code errors",
        type=TEXT,
        title=TEXT,
        status=WHOLE,
        detail=TEXT,
        code=TEXT,
        errors={"type": "array", "items": _object("field reason", field=TEXT, reason=TEXT)},
    ),
}


def _parameter(name: str, where: str = "query", schema: Any = TEXT) -> dict[str, Any]:
    return {"name": name, "in": where, "required": where == "path", "schema": schema}


def _answers(status: str, schema: Any, media: str = "application/json") -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": _ref("Problem")}}
    return {
        status: {"description": "done", "content": {media: {"schema": schema}}},
        "default": {"description": "a problem (RFC 9457)", "content": problem},
    }


def _read(
    summary: str, schema: Any, *names: str, media: str = "application/json"
) -> dict[str, Any]:
    return {
        "summary": summary,
        "parameters": [_parameter(name) for name in names],
        "responses": _answers("200", schema, media),
    }


def _change(summary: str, asked: str | None = None, *names: str) -> dict[str, Any]:
    done = _answers("202", _ref("Operation"))
    for status in ("200", "201"):
        done[status] = done["202"] | {"description": "it ended within ?wait="}
    change: dict[str, Any] = {
        "summary": summary,
        "parameters": [_parameter(name) for name in ("wait", *names)],
        "responses": done,
    }
    if asked is not None:
        media = {"application/json": {"schema": _ref(asked)}}
        change["requestBody"] = {
            "content": media,
            "required": asked in ("NewContainer", "ContainerChange", "Exec", "Rename"),
        }
    return change


def _open(summary: str, asked: str, answered: str) -> dict[str, Any]:
    media = {"application/json": {"schema": _ref(asked)}}
    return {
        "summary": summary,
        "requestBody": {"content": media, "required": True},
        "responses": _answers("202", _ref(answered)),
    }


ARCHIVE = {
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    "required": True,
}
ONE = "/api/v1/containers/{container}"
PATHS: dict[str, dict[str, Any]] = {
    "/api/v1/containers": {
        "get": _read("List containers", _listed("Container"), "state", "limit", "next"),
        "post": _change("Create a container", "NewContainer"),
    },
    ONE: {
        "get": _read("Look at a container", _ref("Container")),
        "patch": _change("Change its limits and restart policy", "ContainerChange"),
        "delete": _change("Delete a container", None, "force"),
    },
    f"{ONE}/start": {"post": _change("Start it")},
    f"{ONE}/stop": {"post": _change("Stop it", "Stop")},
    f"{ONE}/kill": {"post": _change("Send it a signal", "Kill")},
    f"{ONE}/restart": {"post": _change("Stop it and start it again", "Stop")},
    f"{ONE}/rename": {"post": _change("Give it another name", "Rename")},
    f"{ONE}/pause": {"post": _change("Freeze it")},
    f"{ONE}/resume": {"post": _change("Let it go on")},
    f"{ONE}/exec": {"post": _change("Run a command in it", "Exec")},
    f"{ONE}/sessions": {"post": _open("Open a session in it", "NewSession", "Session")},
    f"{ONE}/wait": {"post": _read("Wait for its exit", _ref("Exit"), "timeout")},
    f"{ONE}/logs": {
        "get": _read("Read its output", TEXT, "tail", "since", "follow", media="text/plain")
    },
    f"{ONE}/stats": {"get": _read("Read what it uses", _ref("Stats"), "stream", "interval")},
    f"{ONE}/top": {"get": _read("Read its processes", _ref("Processes"))},
    "/api/v1/events": {
        "get": _read("Read events", TEXT, "since", "follow", media="application/x-ndjson")
    },
    "/api/v1/images": {"get": _read("List images", _listed("Image"), "limit", "next")},
    "/api/v1/images/load": {
        "post": _change("Load an archive of images") | {"requestBody": ARCHIVE}
    },
    "/api/v1/images/{reference}": {"delete": _change("Delete an image")},
    "/api/v1/operations": {
        "get": _read(
            "List operations", _listed("Operation"), "status", "kind", "target", "limit", "next"
        )
    },
    "/api/v1/operations/{operation}": {
        "get": _read("Look at an operation", _ref("Operation"), "wait")
    },
    "/api/v1/operations/{operation}/cancel": {"post": _change("Cancel it")},
}


def document() -> dict[str, Any]:
    """Return the whole document."""
    paths = {address: dict(methods) for address, methods in PATHS.items()}
    for address, methods in paths.items():
        if "{" in address:
            name = address.partition("{")[2].partition("}")[0]
            methods["parameters"] = [_parameter(name, "path")]
    return {
        "openapi": "3.1.0",
        "info": {"title": "Moorage", "version": "1"},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def schema(_request: HttpRequest) -> JsonResponse:
    """Answer with the document; it names no object, so everybody may read it."""
    return JsonResponse(document())
