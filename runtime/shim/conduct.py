"""What a shim is told of its container, once and for all: the bundle and how to mind it. Pure."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from runtime.oci.bundle import CHANGEABLE, Bundle, DeviceWish, Resources

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 60.0
HEALTHY_SECONDS = 10.0
"""A run as long as this makes the pauses short again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The command that says by exit code 0 whether the container is well, and when it is run.

    `interval_seconds` after the last one it has `timeout_seconds`; `retries` failures in a row are
    unhealthy. In the first `start_period_seconds` of a run failures do not count, and until it
    succeeds it comes every `start_interval_seconds`.
    """

    args: tuple[str, ...]
    interval_seconds: float
    timeout_seconds: float
    start_period_seconds: float
    start_interval_seconds: float
    retries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """A bundle, its stop signal (a number) and grace, restart policy and log ring.

    `check` is its health check, where it has one.
    """

    bundle: Bundle
    stop_signal: int
    stop_timeout_seconds: float
    restart: str
    restart_retries: int
    log_bytes: int
    log_files: int
    check: Check | None = None

    def ends(self, number: int) -> bool:
        """Say whether whoever sends this signal wants the container to end."""
        return number in (signal.SIGKILL, self.stop_signal)

    def amended(self, changes: Mapping[str, Any]) -> Conduct:
        """Return the conduct of a container of whose spec these fields were changed."""
        limits = changes.get("limits")
        bundle = self.bundle
        if limits is not None:
            known = {name: limits[name] for name in CHANGEABLE if name in limits}
            bundle = replace(bundle, resources=replace(bundle.resources, **known))
        return replace(
            self,
            bundle=bundle,
            restart=changes.get("restart", self.restart),
            restart_retries=changes.get("restart_retries", self.restart_retries),
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain data; `from_json` is its inverse."""
        plain = _plain(self)
        plain["bundle"] = _plain(self.bundle)
        plain["bundle"]["resources"] = _plain(self.bundle.resources)
        plain["bundle"]["devices"] = [_plain(device) for device in self.bundle.devices]
        plain["check"] = self.check and _plain(self.check)
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Conduct:
        """Rebuild from `to_json` output."""
        bundle = {name: _frozen(value) for name, value in plain["bundle"].items()}
        resources = plain["bundle"]["resources"].items()
        bundle["resources"] = Resources(**{name: _frozen(value) for name, value in resources})
        devices = plain["bundle"].get("devices", ())
        bundle["devices"] = tuple(DeviceWish(**device) for device in devices)
        return cls(**{**plain, "bundle": Bundle(**bundle), "check": _check(plain.get("check"))})


def _check(plain: Mapping[str, Any] | None) -> Check | None:
    """Return the check in a file; files of before there were any have none."""
    if plain is None:
        return None
    return Check(**{name: _frozen(value) for name, value in plain.items()})


def restarts(conduct: Conduct, *, exit_code: int | None, count: int) -> bool:
    """Say whether the policy starts the container again that was restarted `count` times.

    An exit code that was lost counts as a failure.
    """
    if conduct.restart == "on-failure":
        within = conduct.restart_retries == 0 or count < conduct.restart_retries
        return exit_code != 0 and within
    return conduct.restart in ("always", "unless-stopped")


def pause_seconds(failures: int) -> float:
    """Return the pause before a restart after `failures` short runs in a row before this one."""
    return min(FIRST_PAUSE_SECONDS * 2.0 ** min(failures, 30), LONGEST_PAUSE_SECONDS)


def _plain(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def _frozen(value: Any) -> Any:
    return tuple(_frozen(each) for each in value) if isinstance(value, list) else value
