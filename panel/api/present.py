"""How rows look in REST. Pure: a row in, plain data out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from panel.api import problems
from panel.inventory.models import Container, Image
from panel.inventory.project import moment as from_nanoseconds
from panel.operations.models import Operation


def container(row: Container) -> dict[str, Any]:
    """Return a container; what the record does not say yet comes from its row."""
    spec = row.record.get("spec") or {}
    command = row.record.get("command") or spec.get("command") or []
    limits = spec.get("limits") or {"memory_bytes": row.memory_bytes, "cpus": row.cpus}
    return {
        "id": row.pk,
        "name": row.name,
        "image": row.image,
        "command": list(command),
        "state": "created" if row.state == "creating" else row.state,
        "exit_code": row.exit_code,
        "oom_killed": row.oom_killed,
        "created": moment(row.created),
        "started": moment(row.started),
        "finished": moment(row.finished),
        "node": row.node,
        "team": row.team.slug,
        "limits": limits,
        "restart": {
            "policy": spec.get("restart") or "no",
            "retries": spec.get("restart_retries") or 0,
        },
        "env": spec.get("env") or {},
        "labels": spec.get("labels") or {},
        "error": row.record.get("error") or None,
        "restart_count": row.record.get("restart_count", 0),
        "health": _health(row.record.get("health")),
    }


def operation(row: Operation) -> dict[str, Any]:
    """Return an operation."""
    return {
        "id": row.pk,
        "kind": row.kind,
        "status": str(row.status),
        "target": row.target or None,
        "node": row.node,
        "team": row.team.slug,
        "progress": row.progress,
        "error": problems.of_row(row.error) if row.error else None,
        "result": row.result,
        "created": moment(row.created),
        "started": moment(row.started),
        "finished": moment(row.finished),
    }


def image(row: Image) -> dict[str, Any]:
    """Return an image."""
    return {
        "id": row.image_id,
        "references": list(row.references),
        "size": row.size,
        "architecture": row.architecture,
        "created": moment(row.created),
        "node": row.node,
        "team": row.team.slug,
    }


def _health(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what a record says of its health check, results oldest first."""
    if found is None:
        return None
    return {
        "status": found["status"],
        "failing_streak": found["failing_streak"],
        "log": [
            {
                "started": moment(from_nanoseconds(result["started_ns"])),
                "finished": moment(from_nanoseconds(result["finished_ns"])),
                "exit_code": result["exit_code"],
                "output": result["output"],
                "error": result["error"] or None,
            }
            for result in found["log"]
        ],
    }


def moment(time: datetime | None) -> str | None:
    """Return a time as RFC 3339."""
    return time.isoformat().replace("+00:00", "Z") if time is not None else None
