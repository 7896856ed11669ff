"""Where an instance of the engine lives. Paths only; nothing here touches the disk."""

from __future__ import annotations

from dataclasses import dataclass

from runtime.errors import InvalidSpec

ID_RANGE_SIZE = 65_536
"""Ids in one user namespace: 0 to 65,535 inside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """The two roots of an instance.

    `data_root` outlives a reboot, `run_root` need not. `id_base` is the first host id of the range
    that containers get whose spec names none (user_namespaces(7)).
    """

    data_root: str = "/var/lib/moorage"
    run_root: str = "/run/moorage"
    id_base: int = 300_000_000

    def __post_init__(self) -> None:
        for name in ("data_root", "run_root"):
            if not getattr(self, name).startswith("/"):
                raise InvalidSpec(name, f"{getattr(self, name)!r} is not an absolute path")

    @property
    def data(self) -> str:
        """The engine's own directory under the data root, 0700 root."""
        return f"{self.data_root}/engine"

    @property
    def run(self) -> str:
        """The engine's own directory under the run root, 0700 root."""
        return f"{self.run_root}/engine"

    @property
    def containers(self) -> str:
        """Durable container directories, one per id (records, logs, upper and work)."""
        return f"{self.data}/containers"

    @property
    def spool(self) -> str:
        """Events that no relay has taken over yet, one file each."""
        return f"{self.data}/spool"

    @property
    def uploads(self) -> str:
        """Archives that arrived through the stream server and wait for their operation."""
        return f"{self.data}/uploads"

    @property
    def instance_file(self) -> str:
        """Holds the instance id, 8 hexadecimal digits."""
        return f"{self.data}/instance"

    @property
    def zygote_socket(self) -> str:
        """Where the zygote listens (SOCK_SEQPACKET)."""
        return f"{self.run}/zygote"

    def container_data(self, container: str) -> str:
        """Return the durable directory of one container."""
        return f"{self.containers}/{container}"

    def container_run(self, container: str) -> str:
        """Return the run directory of one container; it holds its shim's socket `s`."""
        return f"{self.run}/c/{container}"
