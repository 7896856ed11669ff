"""Where the container's output goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from runtime.spec.topic import TEXT_MAP, Topic, asked, matching

DRIVER = "local"
"""The engine's own: binary segments in a ring, sized by limits.log_bytes and limits.log_files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logging(Topic):
    """Docker HostConfig.LogConfig: `driver` is its Type, `options` the driver's own Config."""

    PATH: ClassVar[str] = "logging"
    driver: str = asked(matching(r"[a-z0-9][a-z0-9._/:-]{0,127}", "the name of a driver"), DRIVER)
    options: Mapping[str, str] = asked(TEXT_MAP, {})
