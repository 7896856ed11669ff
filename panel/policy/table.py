"""Which check judges which field of a spec. A field that is not here fails a test. Pure.

An opt-out that the node's ceiling forbids by default has a check; what stays inside the container
is `free`. A few are free because only the database's owner gains by them, such as annotations.
"""

from __future__ import annotations

from panel.policy import checks
from panel.policy.checks import free, namespace, needs, profile, propagation, unless_none
from panel.policy.question import Check

_IDENTITY: dict[str, Check] = {
    "image": free,
    "namespace": checks.containers,
    "name": free,
    "command": free,
    "entrypoint": free,
    "env": free,
    "labels": free,
    "annotations": free,
    "user": free,
    "working_dir": free,
    "hostname": free,
    "stop_signal": free,
    "stop_timeout_seconds": free,
    "restart": free,
    "restart_retries": free,
    "auto_remove": free,
    "health": free,
    "read_only": free,
    "id_range": checks.id_range,
    "runtime": free,
    "on_build": free,
}
_LIMITS: dict[str, Check] = {
    "memory_bytes": checks.memory,
    "memory_swap_bytes": checks.swap,
    "memory_reservation_bytes": free,
    "memory_swappiness": free,
    "kernel_memory_bytes": free,
    "kernel_tcp_bytes": free,
    "oom_kill_disable": needs("oom_protection", "limits.oom_kill_disable"),
    "memory_use_hierarchy": free,
    "memory_check_before_update": free,
    "cpus": checks.cpus,
    "cpu_period_microseconds": free,
    "cpu_burst_microseconds": free,
    "cpu_shares": free,
    "cpu_idle": free,
    "cpu_realtime_period_microseconds": needs(
        "realtime", "limits.cpu_realtime_period_microseconds"
    ),
    "cpu_realtime_runtime_microseconds": needs(
        "realtime", "limits.cpu_realtime_runtime_microseconds"
    ),
    "cpuset_cpus": free,
    "cpuset_mems": free,
    "pids": checks.pids,
    "io_weight": free,
    "io_leaf_weight": free,
    "io_weight_devices": free,
    "io_read_bps": free,
    "io_write_bps": free,
    "io_read_iops": free,
    "io_write_iops": free,
    "ulimits": checks.ulimits,
    "huge_pages": free,
    "rdma": needs("raw_cgroup", "limits.rdma"),
    "net_class_id": unless_none("raw_cgroup", "limits.net_class_id"),
    "net_priorities": needs("raw_cgroup", "limits.net_priorities"),
    "unified": needs("raw_cgroup", "limits.unified"),
    "intel_rdt": unless_none("raw_cgroup", "limits.intel_rdt"),
    "cgroup_parent": unless_none("raw_cgroup", "limits.cgroup_parent"),
    "log_bytes": checks.log_bytes,
    "log_files": checks.log_files,
}
_PROCESS: dict[str, Check] = {
    "terminal": free,
    "console_size": free,
    "stdin_open": free,
    "stdin_once": free,
    "attach_stdin": free,
    "attach_stdout": free,
    "attach_stderr": free,
    "init": free,
    "umask": free,
    "groups_add": free,
    "oom_score_adj": checks.oom_score,
    "shell": free,
    "scheduler": checks.scheduler,
    "io_priority": checks.io_priority,
    "cpu_affinity": free,
    "personality": free,
}
_NAMESPACES: dict[str, Check] = {
    **{
        kind: namespace(f"namespaces.{kind}")
        for kind in ("pid", "ipc", "uts", "network", "cgroup", "user", "mount")
    },
    "time": checks.time_namespace,
    "time_offsets": free,
    "sysctls": free,
}
_NETWORK: dict[str, Check] = {
    "disabled": free,
    "domainname": free,
    "dns_servers": free,
    "dns_search": free,
    "dns_options": free,
    "extra_hosts": free,
    "endpoints": free,
    "exposed_ports": free,
    "port_bindings": needs("host_ports", "network.port_bindings"),
    "publish_all": needs("host_ports", "network.publish_all"),
    "links": needs("other_containers", "network.links"),
    "mac_address": free,
    "receive_bits": free,
    "send_bits": free,
}
_STORAGE: dict[str, Check] = {
    "shm_bytes": free,
    "options": needs("volume_drivers", "storage.options"),
    "volumes_from": needs("other_containers", "storage.volumes_from"),
    "volume_driver": needs("volume_drivers", "storage.volume_driver"),
    "rootfs_propagation": propagation("storage.rootfs_propagation"),
}
_HOOKS: dict[str, Check] = {
    kind: needs("hooks", f"hooks.{kind}")
    for kind in (
        "prestart",
        "create_runtime",
        "create_container",
        "start_container",
        "poststart",
        "poststop",
    )
}
_OPT_OUTS: dict[str, Check] = {
    "mounts": checks.mounts,
    "devices": checks.devices,
    "device_rules": checks.device_rules,
    "device_requests": checks.device_requests,
    "logging.driver": free,
    "logging.options": needs("log_options", "logging.options"),
    "privileged": needs("privileged", "privileged"),
    "capabilities_add": checks.capabilities_add,
    "capabilities_drop": free,
    "seccomp": checks.seccomp,
    "no_new_privileges": checks.no_new_privileges,
    "security.seccomp_profile": unless_none("custom_seccomp", "security.seccomp_profile"),
    "security.apparmor_profile": profile("security.apparmor_profile"),
    "security.selinux_label": profile("security.selinux_label"),
    "security.mount_label": profile("security.mount_label"),
    "security.selinux_options": checks.selinux_options,
    "security.masked_paths": unless_none("unmasked_paths", "security.masked_paths"),
    "security.readonly_paths": unless_none("unmasked_paths", "security.readonly_paths"),
    "security.capability_sets": checks.capability_sets,
}


def _placed(topic: str, table: dict[str, Check]) -> dict[str, Check]:
    return {f"{topic}.{name}": check for name, check in table.items()}


FIELDS: dict[str, Check] = (
    _IDENTITY
    | _placed("limits", _LIMITS)
    | _placed("process", _PROCESS)
    | _placed("namespaces", _NAMESPACES)
    | _placed("network", _NETWORK)
    | _placed("storage", _STORAGE)
    | _placed("hooks", _HOOKS)
    | _OPT_OUTS
)
"""Every field, by its dotted path as `runtime.spec.topic.leaves` yields it."""
