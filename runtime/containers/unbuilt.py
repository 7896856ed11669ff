"""Which fields of a spec this engine carries out, and which it refuses by name. Pure data.

Together they are all fields; a test says so. A field whose engine is built moves up; of what is
built in part, `partly` knows the rest.
"""

from __future__ import annotations

from collections.abc import Iterator

from runtime.spec.container import ContainerSpec
from runtime.spec.namespaces import HOST_NAMESPACES

BUILT = frozenset(
    (
        *("image", "namespace", "name", "command", "entrypoint", "env", "user", "working_dir"),
        *("hostname", "stop_signal", "stop_timeout_seconds", "restart", "restart_retries"),
        *("read_only", "id_range", "capabilities_add", "capabilities_drop", "seccomp"),
        *("no_new_privileges", "storage.shm_bytes", "process.umask", "process.groups_add"),
        *("network.domainname", "network.extra_hosts", "network.dns_servers"),
        *("network.dns_search", "network.dns_options"),
        *("limits.memory_bytes", "limits.cpus", "limits.cpu_period_microseconds", "limits.pids"),
        *("limits.memory_swap_bytes", "limits.memory_reservation_bytes"),
        *("limits.memory_swappiness", "limits.cpu_burst_microseconds", "limits.cpu_shares"),
        *("limits.cpu_idle", "limits.log_bytes", "limits.log_files"),
        *("limits.ulimits", "process.oom_score_adj", "process.personality"),
        *("process.init", "security.seccomp_profile"),
        *("limits.cpuset_cpus", "limits.cpuset_mems", "limits.huge_pages", "limits.unified"),
        *("limits.oom_kill_disable", "limits.io_weight", "limits.io_weight_devices"),
        *("limits.io_read_bps", "limits.io_write_bps", "limits.io_read_iops"),
        *("limits.io_write_iops", "devices", "device_rules", "auto_remove"),
        *("privileged", "network.disabled", "namespaces.pid", "namespaces.ipc"),
        *("namespaces.uts", "namespaces.network", "namespaces.cgroup", "namespaces.user"),
        *("namespaces.sysctls", "mounts", "security.masked_paths", "security.readonly_paths"),
        "health",
    )
)
"""Carried out."""
TOLD = frozenset(
    (
        *("labels", "annotations", "on_build", "process.attach_stdin", "process.attach_stdout"),
        *("process.attach_stderr", "network.exposed_ports"),
    )
)
"""Kept and told back to clients; nothing else belongs to them."""
UNBUILT = {
    "device_requests": "let drivers choose devices",
    "runtime": "offer other runtimes",
    "logging.driver": "offer other log drivers",
    "logging.options": "take options of log drivers",
    "process.terminal": "give terminals",
    "process.console_size": "give terminals",
    "process.stdin_open": "keep standard input open",
    "process.stdin_once": "keep standard input open",
    "process.shell": "run shell forms",
    "process.scheduler": "choose schedulers",
    "process.io_priority": "set I/O priorities",
    "process.cpu_affinity": "set the CPUs of an exec",
    "namespaces.mount": "share namespaces",
    "namespaces.time": "make time namespaces",
    "namespaces.time_offsets": "make time namespaces",
    "network.endpoints": "connect networks",
    "network.port_bindings": "publish ports",
    "network.publish_all": "publish ports",
    "network.links": "link containers",
    "network.mac_address": "connect networks",
    "network.receive_bits": "shape traffic",
    "network.send_bits": "shape traffic",
    "storage.options": "take options of storage",
    "storage.volumes_from": "share volumes",
    "storage.volume_driver": "offer volume drivers",
    "storage.rootfs_propagation": "propagate mounts",
    **dict.fromkeys(
        (
            f"hooks.{kind}"
            for kind in (
                *("prestart", "create_runtime", "create_container", "start_container"),
                *("poststart", "poststop"),
            )
        ),
        "run hooks",
    ),
    "security.apparmor_profile": "choose AppArmor profiles",
    "security.selinux_label": "set SELinux labels",
    "security.mount_label": "set SELinux labels",
    "security.selinux_options": "set SELinux labels",
    "security.capability_sets": "set capabilities set by set",
    "limits.kernel_memory_bytes": "limit kernel memory",
    "limits.kernel_tcp_bytes": "limit memory of TCP",
    "limits.memory_use_hierarchy": "switch hierarchical accounting",
    "limits.memory_check_before_update": "check memory before updates",
    "limits.cpu_realtime_period_microseconds": "give real-time processor time",
    "limits.cpu_realtime_runtime_microseconds": "give real-time processor time",
    "limits.io_leaf_weight": "weigh block I/O",
    "limits.rdma": "limit RDMA",
    "limits.net_class_id": "classify traffic",
    "limits.net_priorities": "classify traffic",
    "limits.intel_rdt": "partition caches",
    "limits.cgroup_parent": "choose the parent cgroup",
}
"""What the engine does not do yet, to end the sentence "this engine does not ... yet"."""


def partly(spec: ContainerSpec) -> Iterator[tuple[str, str]]:
    """Yield what a spec asks for of fields that are carried out in part: field and feature."""
    for mount in spec.mounts:
        if mount.type != "tmpfs":
            yield "mounts.type", f"mount a {mount.type} into containers"
        if mount.uid_mappings or mount.gid_mappings:
            yield "mounts.uid_mappings", "map the ids of a mount"
    for kind in HOST_NAMESPACES:
        mode = str(getattr(spec.namespaces, kind))
        if kind in ("cgroup", "user") and mode.startswith("container:"):
            yield f"namespaces.{kind}", "share this kind of namespace with another container"
        if mode.startswith("path:"):
            yield f"namespaces.{kind}", "join namespaces by their paths"
    for weight in spec.limits.io_weight_devices:
        if weight.leaf_weight is not None:
            yield "limits.io_weight_devices.leaf_weight", "weigh block I/O of leaves"
