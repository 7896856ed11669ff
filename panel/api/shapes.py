"""What a row looks like from outside: plain data in, plain data out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from panel.api import problems
from panel.eventlog.models import Event
from panel.inventory.models import Container, Image
from panel.operations.models import Operation

LIMITS = ("memory_bytes", "cpus", "pids")


def container_json(row: Container) -> dict[str, Any]:
    """Return a container; `row.team` must be loaded."""
    spec = row.record.get("spec") or {}
    limits = spec.get("limits") or {}
    return {
        "id": row.pk,
        "name": row.name,
        "image": row.image,
        "command": list(row.record.get("command") or spec.get("command") or ()),
        # A place that is kept for a container which is being created is nearly one.
        "state": "created" if row.version == 0 else row.state,
        "exit_code": row.exit_code,
        "oom_killed": row.oom_killed,
        "created": moment(row.created),
        "started": moment(row.started),
        "finished": moment(row.finished),
        "node": row.node,
        "team": row.team.slug,
        "limits": {name: limits.get(name) for name in LIMITS},
        "env": spec.get("env") or {},
        "labels": spec.get("labels") or {},
    }


def image_json(row: Image) -> dict[str, Any]:
    """Return an image; `row.team` must be loaded."""
    return {
        "id": row.image_id,
        "references": row.references,
        "size": row.size,
        "architecture": row.architecture,
        "created": moment(row.created),
        "node": row.node,
        "team": row.team.slug,
    }


def operation_json(row: Operation) -> dict[str, Any]:
    """Return an operation; its error is a problem document."""
    return {
        "id": row.pk,
        "kind": row.kind,
        "status": str(row.status),
        "target": row.target,
        "node": row.node,
        "progress": row.progress,
        "error": problems.of_row(row.error) if row.error else None,
        "result": row.result,
        "created": moment(row.created),
        "started": moment(row.started),
        "finished": moment(row.finished),
    }


def event_json(row: Event) -> dict[str, Any]:
    """Return an event."""
    return {
        "seq": row.seq,
        "kind": row.kind,
        "time": moment(row.time),
        "container": row.container,
        "version": row.version,
        "operation": row.operation,
        "payload": row.payload,
    }


def moment(time: datetime | None) -> str | None:
    """Return a time as RFC 3339 in UTC."""
    if time is None:
        return None
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
