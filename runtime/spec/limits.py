"""How much of the machine a container may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runtime.errors import InvalidSpec
from runtime.spec import fields

MEMORY_FLOOR = 6 * 1024 * 1024
"""Below this not even a static shell starts (Docker's floor is the same 6 MiB)."""
DEFAULT_PIDS = 512
DEFAULT_LOG_BYTES = 10 * 1024 * 1024
DEFAULT_LOG_FILES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits that the kernel enforces, and the log ring that the shim keeps.

    `memory_bytes`: None means no limit of its own (cgroups: memory.max). `cpus`: CPUs' worth of
    time, 0.5 is half of one (cpu.max). `pids`: processes and threads together (pids.max).
    `log_bytes` is the size of one log segment, `log_files` how many are kept.
    """

    memory_bytes: int | None = None
    cpus: float | None = None
    pids: int = DEFAULT_PIDS
    log_bytes: int = DEFAULT_LOG_BYTES
    log_files: int = DEFAULT_LOG_FILES

    def __post_init__(self) -> None:
        fields.whole("limits.memory_bytes", self.memory_bytes, MEMORY_FLOOR, 1 << 50)
        fields.whole("limits.pids", self.pids, 1, 4_194_304)
        fields.whole("limits.log_bytes", self.log_bytes, 65_536, 1 << 34)
        fields.whole("limits.log_files", self.log_files, 1, 1000)
        if self.cpus is not None and not 0.01 <= fields.number("limits.cpus", self.cpus) <= 4096:
            raise InvalidSpec("limits.cpus", f"{self.cpus} is not between 0.01 and 4096")

    def to_json(self) -> dict[str, Any]:
        """Return plain data; `from_json` is its inverse."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Limits:
        """Parse untrusted data. Raises InvalidSpec naming the field."""
        for name in plain:
            if name not in cls.__dataclass_fields__:
                raise InvalidSpec(f"limits.{name}", "there is no such limit")
        given = dict(plain)
        for name in ("pids", "log_bytes", "log_files"):
            if given.get(name, 0) is None:
                del given[name]
        return cls(**given)
