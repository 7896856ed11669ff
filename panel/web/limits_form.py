"""The form that changes limits: text fields in, a wish or errors by field out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from panel.web.create_form import GENERAL, Fields
from panel.web.quantities import MEMORY_UNITS, typed
from runtime.spec.container import RESTART
from runtime.spec.limits import UNLIMITED

FIELDS = {
    "limits.memory_bytes": "memory",
    "limits.memory_swap_bytes": "swap",
    "limits.memory_reservation_bytes": "reservation",
    "limits.cpus": "cpus",
    "limits.cpu_shares": "shares",
    "limits.pids": "pids",
    "restart.policy": "policy",
    "restart.retries": "retries",
}
"""Which field of the form shows a field of the wish."""
POLICIES = {
    "no": "Never",
    "on-failure": "When it fails",
    "always": "Always",
    "unless-stopped": "Unless somebody stopped it",
}
_MEMORY = ("memory", "swap", "reservation")
_UNIT = "MiB"


@dataclass(slots=True)
class LimitsForm:
    """What was typed, kept as it was typed, and what is wrong with it by field.

    Memory is in MiB; swap is memory and swap together, -1 without end.
    """

    values: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> LimitsForm:
        """Return the form with what a container's spec says now."""
        limits = spec.get("limits") or {}
        values = {
            name: _shown(name, limits.get(path.removeprefix("limits.")))
            for path, name in FIELDS.items()
            if path.startswith("limits.")
        }
        values["policy"] = spec.get("restart") or "no"
        values["retries"] = str(spec.get("restart_retries") or 0)
        return cls(values)

    @classmethod
    def typed(cls, given: Fields) -> LimitsForm:
        """Return the form as it was sent."""
        return cls({name: str(given.get(name, "")).strip() for name in FIELDS.values()})

    @property
    def policies(self) -> list[tuple[str, str]]:
        """Return each policy with its words."""
        return [(name, POLICIES[name]) for name in RESTART]

    def wish(self) -> dict[str, Any] | None:
        """Return the parameters of the operation, or None with `errors` filled."""
        limits: dict[str, Any] = {}
        for path, name in FIELDS.items():
            if path.startswith("limits."):
                limits[path.removeprefix("limits.")] = self._number(name)
        retries = self.values["retries"] or "0"
        if not retries.isascii() or not retries.isdecimal():
            self.errors.setdefault("retries", f"{retries} is not a whole number")
        if self.errors:
            return None
        restart = {"policy": self.values["policy"], "retries": int(retries)}
        return {"limits": limits, "restart": restart}

    def refuse(self, path: str, reason: str) -> None:
        """Note an error where its field is shown; what has no field here is shown on top."""
        name = FIELDS.get(path, GENERAL)
        text = f"{reason[:1].upper()}{reason[1:]}"
        self.errors.setdefault(name, text if name != GENERAL else f"{path}: {text}")

    def _number(self, name: str) -> float | int | None:
        text = self.values[name]
        if name == "swap" and text == str(UNLIMITED):
            return UNLIMITED
        try:
            number = typed(text)
        except ValueError:
            self.errors.setdefault(name, f"{text} is not a number above 0")
            return None
        if number is None or name == "cpus":
            return number
        return int(number * (MEMORY_UNITS[_UNIT] if name in _MEMORY else 1))


def _shown(name: str, value: float | int | None) -> str:
    if value is None:
        return ""
    if name in _MEMORY and value != UNLIMITED:
        value = value / MEMORY_UNITS[_UNIT]
    return str(int(value)) if value == int(value) else repr(value)
