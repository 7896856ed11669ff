"""Where the verbs work: an instance's directories, its id, its zygote and its images."""

from __future__ import annotations

import os
from dataclasses import dataclass

from runtime.config import EngineConfig
from runtime.errors import InvalidSpec, KernelRefused
from runtime.images.images import Images
from runtime.shim.client import ZygoteClient
from runtime.state.instance import instance_id
from runtime.state.records import Ledger

_ID = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One instance, shared by all threads; nothing in it changes."""

    config: EngineConfig
    instance: str
    zygote: ZygoteClient
    images: Images

    def ledger(self, container: str) -> Ledger:
        """Return the record of a container, which need not exist. Raises InvalidSpec."""
        return Ledger(self.directory(container), self.config.spool)

    def directory(self, container: str) -> str:
        """Return a container's directory. Raises InvalidSpec for what is no id."""
        if len(container) != 32 or not _ID.issuperset(container):
            raise InvalidSpec("container", f"{container!r} is not 32 hexadecimal digits")
        return self.config.container_data(container)

    def verb_lock(self, container: str) -> str:
        """Return the lock that verbs on a container hold for as long as they work."""
        return f"{self.directory(container)}/lock"

    @property
    def trash(self) -> str:
        """Where deleted containers wait for their removal."""
        return f"{self.config.data}/trash"

    @property
    def slice(self) -> str:
        """The instance's cgroup, below each hierarchy's root."""
        return f"moorage.slice/{self.instance}"

    def close(self) -> None:
        """Nothing is held."""


def open_site(config: EngineConfig) -> Site:
    """Make an instance's directories where they lack, and see to it that its zygote serves."""
    try:
        _make_directories(config)
    except OSError as error:
        raise KernelRefused("mkdir", error.errno or 0, str(error.filename)) from None
    zygote = ZygoteClient(config)
    site = Site(
        config=config,
        instance=instance_id(config.instance_file),
        zygote=zygote,
        images=Images(config),
    )
    zygote.ensure()
    return site


def _make_directories(config: EngineConfig) -> None:
    """The two roots may be entered, so that the panel reaches its own; the engine's are closed."""
    for path in (config.data_root, config.run_root):
        _make(path, 0o711)
    runs = os.path.dirname(config.container_run("x"))
    trash = f"{config.data}/trash"
    inner = (config.containers, config.spool, config.uploads, trash)
    for path in (config.data, config.run, *inner, runs):
        _make(path, 0o700)


def _make(path: str, mode: int) -> None:
    """As mkdir -p, with a mode that no umask narrows; what exists keeps its own."""
    if os.path.isdir(path):
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        return
    os.chmod(path, mode)
