"""What can be changed of a container that is there: limits and the restart policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from runtime.errors import InvalidSpec
from runtime.oci.bundle import CHANGEABLE
from runtime.spec import fields
from runtime.spec.container import ContainerSpec
from runtime.spec.limits import Limits
from runtime.spec.topic import topic_fields

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """A wish to change a container. If it exists, each of its values is valid by itself.

    `limits` are fields of `CHANGEABLE`, None for the default (no limit, or 512 `pids`); the others
    stay as they are. `restart` and `restart_retries` are the spec's; None leaves them alone, but
    another policy without retries has 0.
    """

    limits: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    restart: str | None = None
    restart_retries: int | None = None

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Amendment:
        """Parse untrusted data, `{limits: {...}, restart: {policy, retries}}`. Raises InvalidSpec
        naming the field."""
        for name in plain:
            if name not in ("limits", "restart"):
                raise InvalidSpec(str(name), "there is no such field, or it cannot be changed")
        limits = fields.mapping("limits", plain.get("limits") or {})
        restart = fields.mapping("restart", plain.get("restart") or {})
        if not limits and not restart:
            raise InvalidSpec("limits", "nothing is to be changed: give limits or restart")
        for name in restart:
            if name not in ("policy", "retries"):
                raise InvalidSpec(f"restart.{name}", "there is no such field")
        return cls(
            limits={name: _limit(str(name), value) for name, value in limits.items()},
            restart=_checked("restart", "restart.policy", restart.get("policy")),
            restart_retries=_checked("restart_retries", "restart.retries", restart.get("retries")),
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain data; `from_json` is its inverse."""
        restart = {"policy": self.restart, "retries": self.restart_retries}
        given = {name: value for name, value in restart.items() if value is not None}
        return {"limits": dict(self.limits), "restart": given}

    def applied(self, spec: ContainerSpec) -> ContainerSpec:
        """Return the spec with the changes in it. Raises InvalidSpec where they contradict it."""
        retries = self.restart_retries
        if retries is None:
            retries = spec.restart_retries if self.restart is None else 0
        return replace(
            spec,
            limits=Limits.from_json({**spec.limits.to_json(), **self.limits}),
            restart=spec.restart if self.restart is None else self.restart,
            restart_retries=retries,
        )


def changed_fields(spec: ContainerSpec) -> dict[str, Any]:
    """Return those fields of a spec, as plain data, that an amendment may change."""
    plain = spec.to_json()
    return {name: plain[name] for name in ("limits", "restart", "restart_retries")}


def _limit(name: str, value: Any) -> Any:
    if name not in CHANGEABLE:
        known = name in topic_fields(Limits)
        reason = "cannot be changed: make another container" if known else "there is no such field"
        raise InvalidSpec(f"limits.{name}", reason)
    return (
        None
        if value is None
        else topic_fields(Limits)[name].metadata["check"](f"limits.{name}", value)
    )


def _checked(name: str, path: str, value: Any) -> Any:
    return (
        None if value is None else topic_fields(ContainerSpec)[name].metadata["check"](path, value)
    )
