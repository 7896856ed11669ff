"""What a spec asks of processes and their surroundings, as a bundle has it. Pure."""

from __future__ import annotations

from typing import Any

from runtime.abi import RLIMITS
from runtime.errors import InvalidSpec
from runtime.oci.bundle import MASKED_PATHS, READONLY_PATHS
from runtime.oci.config_linux import PERSONALITIES
from runtime.spec.container import ContainerSpec
from runtime.spec.limits import UNLIMITED, Ulimit
from runtime.spec.mounts import Mount, is_for_tmpfs

_ENDLESS = 2**64 - 1


def surroundings(spec: ContainerSpec) -> dict[str, Any]:
    """Return fields of a bundle that only some containers need. Raises InvalidSpec."""
    security, process = spec.security, spec.process
    masked, readonly = security.masked_paths, security.readonly_paths
    return {
        "rlimits": tuple(_rlimit(one) for one in spec.limits.ulimits),
        "oom_score_adj": process.oom_score_adj,
        "personality": None if process.personality is None else PERSONALITIES[process.personality],
        "sysctls": tuple(spec.namespaces.sysctls.items()),
        "tmpfs": _tmpfs(spec.mounts),
        "reaper": process.init,
        "masked_paths": MASKED_PATHS if masked is None else masked,
        "readonly_paths": READONLY_PATHS if readonly is None else readonly,
    }


def _rlimit(limit: Ulimit) -> tuple[int, int, int]:
    soft, hard = (_ENDLESS if n == UNLIMITED else n for n in (limit.soft, limit.hard))
    return RLIMITS.index(f"RLIMIT_{limit.name.upper()}"), soft, hard


def _tmpfs(mounts: tuple[Mount, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return target and options of each, parents before children."""
    parents_first = sorted(mounts, key=lambda mount: mount.target.rstrip("/").count("/"))
    return tuple((mount.target, _options(mount)) for mount in parents_first)


def _options(mount: Mount) -> tuple[str, ...]:
    options = []
    if mount.size_bytes is not None:
        options.append(f"size={mount.size_bytes}")
    if mount.mode is not None:
        options.append(f"mode={mount.mode:o}")
    for option in mount.options:
        if not is_for_tmpfs(option):
            raise InvalidSpec("mounts.options", f"{option!r} means nothing for a tmpfs")
        options.append(option)
    if mount.read_only:
        options.append("ro")
    return tuple(options)
