"""For each field a value that is not its default, as plain data."""

from __future__ import annotations

from typing import Any

from runtime.spec.container import ContainerSpec
from runtime.spec.topic import leaves

_RATE = [{"device": "8:0", "rate": 1000}]
_HOOK = [{"program": "/bin/true", "args": ["true"], "timeout_seconds": 5}]
_SPECIAL: dict[str, Any] = {
    "image": "starter",
    "name": "box",
    "command": ["a", "b"],
    "entrypoint": [],
    "user": "1:2",
    "working_dir": "/srv",
    "restart": "on-failure",
    "seccomp": "unconfined",
    "no_new_privileges": False,
    "mounts": [
        {"type": "tmpfs", "target": "/run", "size_bytes": 4096, "mode": 0o755},
        {"source": "/srv", "target": "/srv", "read_only": True, "propagation": "rslave"},
        {"type": "volume", "source": "data", "target": "/data", "labels": {"a": "b"}},
    ],
    "devices": [{"source": "/dev/fuse", "permissions": "rw"}],
    "device_rules": [{"kind": "c", "major": 1, "access": "r"}],
    "device_requests": [{"driver": "nvidia", "count": -1, "capabilities": [["gpu"], ["x", "y"]]}],
    "health": {"test": ["CMD", "true"], "retries": 5, "interval_seconds": 0.5},
    "logging.driver": "none",
    "stop_signal": "SIGINT",
    "limits.memory_swap_bytes": 1 << 30,
    "limits.cpus": 1.5,
    "limits.cpu_shares": 512,
    "limits.cpuset_cpus": "0-1",
    "limits.cpuset_mems": "0",
    "limits.io_weight_devices": [{"device": "/dev/sda", "weight": 200}],
    "limits.io_read_bps": _RATE,
    "limits.io_write_bps": _RATE,
    "limits.io_read_iops": _RATE,
    "limits.io_write_iops": _RATE,
    "limits.ulimits": [{"name": "nofile", "soft": 10, "hard": 20}],
    "limits.huge_pages": [{"page_size": "2MB", "limit_bytes": 0}],
    "limits.rdma": {"mlx5_0": {"hca_handles": 3}},
    "limits.net_priorities": {"eth0": 3},
    "limits.intel_rdt": {"clos_id": "fast"},
    "process.console_size": {"rows": 24, "columns": 80},
    "process.umask": 0o077,
    "process.groups_add": ["audio", "33"],
    "process.scheduler": {"policy": "SCHED_FIFO", "priority": 5},
    "process.io_priority": {"klass": "IOPRIO_CLASS_RT"},
    "process.cpu_affinity": {"initial": "0"},
    "process.personality": "LINUX32",
    "namespaces.time": "private",
    "namespaces.mount": "path:/proc/1/ns/mnt",
    "namespaces.time_offsets": {"boottime": {"seconds": -5}},
    "namespaces.sysctls": {"net.ipv4.ip_forward": "1"},
    "network.domainname": "example.org",
    "network.dns_servers": ["1.1.1.1", "::1"],
    "network.dns_search": ["example.org"],
    "network.dns_options": ["ndots:2"],
    "network.extra_hosts": ["db:10.0.0.1", "gate:host-gateway"],
    "network.endpoints": {"lan": {"ipv4_address": "10.0.0.2", "aliases": ["a"]}},
    "network.exposed_ports": [{"number": 80}],
    "network.port_bindings": [{"port": 80, "host_port": 8080}],
    "network.mac_address": "02:00:00:00:00:01",
    "storage.rootfs_propagation": "rshared",
    "security.seccomp_profile": {
        "default_action": "SCMP_ACT_ERRNO",
        "syscalls": [
            {
                "names": ["read"],
                "action": "SCMP_ACT_ALLOW",
                "args": [{"index": 0, "value": 3, "op": "SCMP_CMP_EQ"}],
                "includes": {"capabilities": ["CAP_SYS_ADMIN"], "min_kernel": "4.8"},
            }
        ],
    },
    "security.selinux_options": {"type": "container_t"},
    "security.capability_sets": {"bounding": ["CAP_SYS_ADMIN"], "ambient": []},
}
EXTRA: dict[str, dict[str, Any]] = {
    "limits.cpu_burst_microseconds": {"limits": {"cpus": 1, "cpu_burst_microseconds": 100}},
    "limits.cpu_idle": {"limits": {"cpu_idle": True}},
    "limits.memory_swap_bytes": {"limits": {"memory_bytes": 1 << 29, "memory_swap_bytes": 1 << 30}},
    "namespaces.time_offsets": {
        "namespaces": {"time": "private", "time_offsets": {"boottime": {"seconds": -5}}}
    },
}
"""Where a wish stands only together with another."""


def _wish(field: str) -> Any:
    topic: Any = ContainerSpec(image="x")
    for name in field.split("."):
        topic = getattr(topic, name)
    if field in _SPECIAL:
        return _SPECIAL[field]
    if field.startswith("hooks."):
        return _HOOK
    if field.startswith("namespaces."):
        return "host"
    return _by_type(topic, field)


def _by_type(default: Any, field: str) -> Any:
    if isinstance(default, bool):
        return not default
    if isinstance(default, int):
        return default + 7 if field != "process.oom_score_adj" else -500
    if isinstance(default, tuple):
        return ["/proc/x"] if field.endswith("paths") else ["words"]
    if isinstance(default, str):
        return "words"
    if default is None:
        return _unset(field)
    return {"key": "words"}


def _unset(field: str) -> Any:
    if field.endswith("_paths"):
        return ["/proc/x"]
    if field.endswith("bytes"):
        return 64 << 20
    if field in ("limits.memory_use_hierarchy", "limits.memory_check_before_update"):
        return True
    numbers = ("weight", "microseconds", "swappiness", "class_id", "bits")
    if field.endswith(numbers):
        return 100
    return 0 if field == "id_range" else "words"


WISHES: dict[str, Any] = {field: _wish(field) for field in leaves(ContainerSpec)}
