"""One check for each thing that reaches out of a container. Pure.

A check yields a reason for each refusal; the table of fields says which check judges which field.
"""

from __future__ import annotations

from collections.abc import Iterator

from panel.policy.question import ALL, Check, Question, listed
from panel.policy.rules import LOG_BYTES, Allowances
from runtime.config import ID_RANGE_SIZE
from runtime.spec.limits import UNLIMITED
from runtime.spec.mounts import PRIVATE_PROPAGATIONS, stays_inside
from runtime.spec.namespaces import HOST
from runtime.spec.process import REALTIME
from runtime.spec.topic import value_at

DEFAULT_CAPABILITIES = frozenset(
    {
        "CAP_AUDIT_WRITE",
        "CAP_CHOWN",
        "CAP_DAC_OVERRIDE",
        "CAP_FOWNER",
        "CAP_FSETID",
        "CAP_KILL",
        "CAP_MKNOD",
        "CAP_NET_BIND_SERVICE",
        "CAP_SETFCAP",
        "CAP_SETGID",
        "CAP_SETPCAP",
        "CAP_SETUID",
        "CAP_SYS_CHROOT",
    }
)
"""Asking for these is no opt-out: a container has them anyway, within its user namespace."""
PLAIN_MOUNTS = ("bind", "volume", "tmpfs", "image")
_PRIORITY_LIMITS = ("nice", "rtprio", "rttime")


def free(_: Question) -> Iterator[str]:
    """Say nothing: this field cannot reach out of the container."""
    return iter(())


def needs(allowance: str, path: str) -> Check:
    """Return the check of a field that any wish in needs a flag of `Allowances` for."""

    def check(question: Question) -> Iterator[str]:
        if value_at(question.spec, path):
            yield from _flag(question, allowance)

    return check


def unless_none(allowance: str, path: str) -> Check:
    """Return the check of a field where even an empty wish needs the flag."""

    def check(question: Question) -> Iterator[str]:
        if value_at(question.spec, path) is not None:
            yield from _flag(question, allowance)

    return check


def namespace(path: str) -> Check:
    """Return the check of a namespace's mode; a path is the host's, too."""
    kind = path.rpartition(".")[2]

    def check(question: Question) -> Iterator[str]:
        mode = str(value_at(question.spec, path))
        if mode == HOST or mode.startswith("path:"):
            yield from question.refusals(lambda allowed, one: one in allowed.host_namespaces, kind)
        elif mode.startswith("container:"):
            yield from _flag(question, "other_containers", mode)

    return check


def time_namespace(question: Question) -> Iterator[str]:
    """Judge somebody else's clocks; the host's are the usual ones, no opt-out."""
    mode = question.spec.namespaces.time
    if mode.startswith("path:"):
        yield from question.refusals(lambda allowed, one: one in allowed.host_namespaces, "time")


def propagation(path: str) -> Check:
    """Return the check of a propagation by which mounts travel between host and container."""

    def check(question: Question) -> Iterator[str]:
        if value_at(question.spec, path) not in PRIVATE_PROPAGATIONS:
            yield from _flag(question, "mount_propagation")

    return check


def profile(path: str) -> Check:
    """Return the check of a label or profile of the host's security modules."""

    def check(question: Question) -> Iterator[str]:
        name = value_at(question.spec, path)
        if name is not None:
            yield from question.refusals(_has_profile, name)

    return check


def selinux_options(question: Question) -> Iterator[str]:
    """Judge each part of an SELinux context by its own name."""
    for name, value in question.spec.security.selinux_options.items():
        yield from question.refusals(_has_profile, f"{name}:{value}")


def capabilities_add(question: Question) -> Iterator[str]:
    """Judge capabilities beyond the default ones."""
    yield from _capabilities(question, question.spec.capabilities_add)


def capability_sets(question: Question) -> Iterator[str]:
    """Judge what any of the five sets has beyond the default ones."""
    sets = question.spec.security.capability_sets
    if sets is not None:
        named = (sets.bounding, sets.effective, sets.inheritable, sets.permitted, sets.ambient)
        names = {name for one in named for name in one or ()}
        yield from _capabilities(question, tuple(sorted(names)))


def seccomp(question: Question) -> Iterator[str]:
    """Judge having no filter."""
    if question.spec.seccomp != "default":
        yield from _flag(question, "unconfined_seccomp")


def no_new_privileges(question: Question) -> Iterator[str]:
    """Judge set-user-id programs that gain privileges."""
    if not question.spec.no_new_privileges:
        yield from _flag(question, "new_privileges")


def mounts(question: Question) -> Iterator[str]:
    """Judge host paths, how mounts travel, and what drivers are told."""
    for mount in question.spec.mounts:
        if mount.type == "bind":
            yield from question.refusals(_has_path, str(mount.source))
        if mount.type not in PLAIN_MOUNTS:
            yield from _flag(question, "other_filesystems", mount.type)
        if mount.propagation not in PRIVATE_PROPAGATIONS:
            yield from _flag(question, "mount_propagation", mount.target)
        if mount.driver not in (None, "local") or mount.driver_options:
            yield from _flag(question, "volume_drivers", mount.target)
        outward = [one for one in mount.options if mount.type != "tmpfs" or not stays_inside(one)]
        if outward or mount.uid_mappings or mount.gid_mappings:
            yield from _flag(question, "mount_options", mount.target)


def devices(question: Question) -> Iterator[str]:
    """Judge device nodes by their paths or numbers."""
    yield from _devices(question, [one.name for one in question.spec.devices])


def device_rules(question: Question) -> Iterator[str]:
    """Judge what may be opened; what is taken away is free."""
    yield from _devices(question, [one.name for one in question.spec.device_rules if one.allow])


def device_requests(question: Question) -> Iterator[str]:
    """Judge devices that a driver chooses by the driver's name."""
    yield from _devices(question, [one.driver for one in question.spec.device_requests])


def oom_score(question: Question) -> Iterator[str]:
    """Judge standing back when the machine runs out of memory; to go first is free."""
    if question.spec.process.oom_score_adj < 0:
        yield from _flag(question, "oom_protection")


def scheduler(question: Question) -> Iterator[str]:
    """Judge going before everything else on the machine."""
    wanted = question.spec.process.scheduler
    if wanted is not None and (wanted.policy in REALTIME or wanted.nice < 0):
        yield from _flag(question, "realtime")


def io_priority(question: Question) -> Iterator[str]:
    """Judge the class of disk requests that is always served first."""
    wanted = question.spec.process.io_priority
    if wanted is not None and wanted.klass == "IOPRIO_CLASS_RT":
        yield from _flag(question, "realtime")


def ulimits(question: Question) -> Iterator[str]:
    """Judge limits by which a process may raise its priority."""
    for limit in question.spec.limits.ulimits:
        if limit.name in _PRIORITY_LIMITS and limit.hard != 0:
            yield from _flag(question, "realtime", limit.name)


def id_range(question: Question) -> Iterator[str]:
    """Judge the first host id: the database names it, so it could name root."""
    if question.ceiling is None:
        return
    first, base = question.spec.id_range, question.ceiling.id_base
    if first is None or first < base or (first - base) % ID_RANGE_SIZE:
        yield f"{first} is not the beginning of a range from {base} on"


def memory(question: Question) -> Iterator[str]:
    """Judge the team's memory."""
    yield from _sum(
        question.spec.limits.memory_bytes,
        question.usage.memory_bytes,
        question.rules.quotas.max_memory_bytes,
    )


def swap(question: Question) -> Iterator[str]:
    """Judge swap: a team whose memory is counted has none beside it."""
    limits = question.spec.limits
    total = limits.memory_swap_bytes
    if total is None or question.rules.quotas.max_memory_bytes is None:
        return
    if total == UNLIMITED or total > (limits.memory_bytes or 0):
        yield "the team's memory is limited, so there is no swap beside it: leave it out"


def cpus(question: Question) -> Iterator[str]:
    """Judge the team's processor time."""
    yield from _sum(question.spec.limits.cpus, question.usage.cpus, question.rules.quotas.max_cpus)


def pids(question: Question) -> Iterator[str]:
    """Judge the processes of this container."""
    wanted, limit = question.spec.limits.pids, question.rules.quotas.max_pids
    if limit is not None and wanted > limit:
        yield f"{wanted} is more than the team's {limit} for one container"


def log_bytes(question: Question) -> Iterator[str]:
    """Judge one segment of the log that is more than all of them may have."""
    yield from _log(question, question.spec.limits.log_bytes)


def log_files(question: Question) -> Iterator[str]:
    """Judge all segments of the log, where not one is too large already."""
    limits = question.spec.limits
    if not any(log_bytes(question)):
        yield from _log(question, limits.log_bytes * limits.log_files)


def containers(question: Question) -> Iterator[str]:
    """Judge the number of containers; the owning team's key stands for it in the table."""
    limit = question.rules.quotas.max_containers
    if limit is not None and question.usage.containers >= limit:
        yield f"the team has {question.usage.containers} containers and may have {limit}"


def capability(name: str) -> str:
    """Return the kernel's name of a capability, whichever way it was written."""
    upper = name.upper()
    return upper if upper.startswith("CAP_") else f"CAP_{upper}"


def _flag(question: Question, allowance: str, name: str = "") -> Iterator[str]:
    return question.refusals(lambda allowed, _: bool(getattr(allowed, allowance)), name)


def _sum(wanted: float | None, used: float, limit: float | None) -> Iterator[str]:
    if limit is None:
        return
    if wanted is None:
        yield f"must be given, the team has {limit} in all"
    elif used + wanted > limit:
        yield f"{wanted} and the {used} in use are more than the team's {limit}"


def _log(question: Question, total: int) -> Iterator[str]:
    said = f"{total} bytes of output are to be kept"
    team, ceiling = question.rules.allowances.max_log_bytes, question.ceiling
    if total > team:
        yield f"{said}, the team's policy allows {team}"
    if ceiling is None:
        return
    if ceiling.fault and total > LOG_BYTES:
        yield ceiling.fault
    elif not ceiling.fault and total > ceiling.allowances.max_log_bytes:
        yield f"{said}, the node's ceiling allows {ceiling.allowances.max_log_bytes}"


def _capabilities(question: Question, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        if capability(name) not in DEFAULT_CAPABILITIES:
            yield from question.refusals(_has_capability, capability(name))


def _devices(question: Question, names: list[str]) -> Iterator[str]:
    for name in names:
        yield from question.refusals(lambda allowed, one: listed(one, allowed.devices), name)


def _has_capability(allowed: Allowances, name: str) -> bool:
    known = tuple(one if one == ALL else capability(one) for one in allowed.capabilities)
    return listed(name, known)


def _has_path(allowed: Allowances, path: str) -> bool:
    inside = f"{path.rstrip('/')}/"
    return any(inside.startswith(f"{top.rstrip('/')}/") for top in allowed.host_paths)


def _has_profile(allowed: Allowances, name: str) -> bool:
    return listed(name, allowed.security_profiles)
