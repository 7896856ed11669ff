"""The create form: text fields in, a spec or errors by field out. Pure, so easy to try."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from panel.web.quantities import MEMORY_UNITS, typed
from runtime.errors import InvalidSpec
from runtime.spec.container import ContainerSpec
from runtime.spec.limits import DEFAULT_PIDS

SPARE_ROWS = 4
GENERAL = "form"
_FIELDS = {
    "limits.memory_bytes": "memory",
    "limits.cpus": "cpus",
    "limits.pids": "pids",
    "health.interval_seconds": "health_interval",
    "health.timeout_seconds": "health_timeout",
    "health.start_period_seconds": "health_start_period",
    "health.retries": "health_retries",
}
TYPED = (
    "name",
    "image",
    "command",
    "memory",
    "memory_unit",
    "cpus",
    "pids",
    "health",
    "health_interval",
    "health_timeout",
    "health_start_period",
    "health_retries",
)
"""Fields of one line of text."""


class Fields(Protocol):
    """A form's fields as Django hands them over."""

    def get(self, key: str, default: str) -> str:
        """Return the last value of a field."""

    def getlist(self, key: str) -> Sequence[str]:
        """Return all values of a field."""


@dataclass(slots=True)
class CreateForm:
    """What was typed, kept as it was typed, and what is wrong with it by field."""

    values: dict[str, str]
    env: list[tuple[str, str]]
    start: bool = True
    unchecked: bool = False
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def blank(cls, image: str = "") -> CreateForm:
        """Return the form as it is first shown."""
        values = {"image": image, "memory": "256", "memory_unit": "MiB", "cpus": "1"}
        return cls(values={**values, "pids": str(DEFAULT_PIDS)}, env=[])

    @classmethod
    def typed(cls, given: Fields) -> CreateForm:
        """Return the form as it was sent."""
        values = {name: str(given.get(name, "")).strip() for name in TYPED}
        pairs = zip(given.getlist("env-key"), given.getlist("env-value"), strict=False)
        env = [(key.strip(), value) for key, value in pairs if key.strip() or value]
        return cls(
            values=values,
            env=env,
            start=given.get("start", "") == "on",
            unchecked=given.get("unchecked", "") == "on",
        )

    @property
    def rows(self) -> list[tuple[str, str]]:
        """Return the environment with empty rows to type into."""
        return [*self.env, *[("", "")] * SPARE_ROWS]

    def spec(self, namespace: str) -> ContainerSpec | None:
        """Return the spec, or None with `errors` filled."""
        plain: dict[str, Any] = {
            "image": self.values["image"],
            "namespace": namespace,
            "command": self._command(),
            "env": self._environment(),
            "limits": self._limits(),
            "health": self._health(),
        }
        if self.values["name"]:
            plain["name"] = self.values["name"]
        try:
            spec = ContainerSpec.from_json(plain)
        except InvalidSpec as fault:
            self.refuse(fault.field, fault.reason)
            return None
        return None if self.errors else spec

    def refuse(self, spec_field: str, reason: str) -> None:
        """Note an error where its field is shown; what has no field here is shown on top."""
        root = spec_field.partition(".")[0].partition("[")[0]
        name = _FIELDS.get(spec_field, root)
        shown = name == "env" or name in TYPED
        text = f"{reason[:1].upper()}{reason[1:]}"
        self.errors.setdefault(
            name if shown else GENERAL, text if shown else f"{spec_field}: {text}"
        )

    def _command(self) -> list[str]:
        try:
            return shlex.split(self.values["command"])
        except ValueError as error:
            self.refuse("command", f"{error}: close the quotation mark")
            return []

    def _environment(self) -> dict[str, str]:
        names = [key for key, _ in self.env]
        for name in names:
            if names.count(name) > 1:
                self.refuse("env", f"{name} is given twice")
        return dict(self.env)

    def _limits(self) -> Mapping[str, Any]:
        limits: dict[str, Any] = {}
        memory = self._number("memory")
        if memory is not None:
            unit = MEMORY_UNITS.get(self.values["memory_unit"], MEMORY_UNITS["MiB"])
            limits["memory_bytes"] = int(memory * unit)
        limits["cpus"] = self._number("cpus")
        pids = self._number("pids")
        if pids is not None:
            limits["pids"] = int(pids)
        return limits

    def _health(self) -> Mapping[str, Any] | None:
        """Return the check that was asked for; None keeps the image's as it is."""
        if self.unchecked:
            return {"test": ["NONE"]}
        health: dict[str, Any] = {
            "interval_seconds": self._number("health_interval"),
            "timeout_seconds": self._number("health_timeout"),
            "start_period_seconds": self._number("health_start_period"),
        }
        retries = self._number("health_retries")
        if retries is not None:
            health["retries"] = int(retries)
        if self.values["health"]:
            health["test"] = ["CMD-SHELL", self.values["health"]]
        given = {name: value for name, value in health.items() if value is not None}
        return given or None

    def _number(self, name: str) -> float | None:
        try:
            return typed(self.values[name])
        except ValueError:
            self.errors.setdefault(name, f"{self.values[name]} is not a number above 0")
            return None
