"""One pure function that says whether a spec may run. Every field of the spec is in its table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from panel.policy.rules import Allowances, Ceiling, Quotas, Refusal, Refused, Rules, Usage
from runtime.config import ID_RANGE_SIZE
from runtime.spec.container import ContainerSpec

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
ALL = "*"
Allows = Callable[[Allowances, str], bool]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Allowed where nothing is refused."""

    refusals: tuple[Refusal, ...] = ()

    @property
    def allowed(self) -> bool:
        """Say whether there was no refusal."""
        return not self.refusals

    def enforce(self) -> None:
        """Raise Refused unless allowed."""
        if self.refusals:
            raise Refused(self.refusals)


@dataclass(frozen=True, slots=True)
class Question:
    """What a check may look at. `ceiling` is None where it cannot be read: in the web process."""

    spec: ContainerSpec
    rules: Rules
    usage: Usage
    ceiling: Ceiling | None

    def refusals(self, allows: Allows, name: str = "") -> Iterator[str]:
        """Yield a reason for each of team and node that does not allow `name`."""
        said = f"{name}: " if name else ""
        yield from (said + reason for reason in self._refusals(allows, name))

    def _refusals(self, allows: Allows, name: str) -> Iterator[str]:
        if not allows(self.rules.allowances, name):
            yield "the team's policy does not allow it"
        if self.ceiling is None:
            return
        if self.ceiling.fault:
            yield self.ceiling.fault
        elif not allows(self.ceiling.allowances, name):
            yield "the node's ceiling does not allow it"


Check = Callable[[Question], Iterator[str]]


def judge(spec: ContainerSpec, rules: Rules, usage: Usage, ceiling: Ceiling | None) -> Verdict:
    """Say whether a team with `rules` that already has `usage` may run `spec` under `ceiling`."""
    question = Question(spec, rules, usage, ceiling)
    return Verdict(
        tuple(
            Refusal(field, reason) for field, check in FIELDS.items() for reason in check(question)
        )
    )


def _free(_: Question) -> Iterator[str]:
    """Say nothing: this field cannot reach out of the container."""
    return iter(())


def _privileged(question: Question) -> Iterator[str]:
    if question.spec.privileged:
        yield from question.refusals(lambda allowed, _: allowed.privileged)


def _capabilities(question: Question) -> Iterator[str]:
    for name in question.spec.capabilities_add:
        if capability(name) not in DEFAULT_CAPABILITIES:
            yield from question.refusals(_has_capability, capability(name))


def _seccomp(question: Question) -> Iterator[str]:
    if question.spec.seccomp != "default":
        yield from question.refusals(lambda allowed, _: allowed.unconfined_seccomp)


def _no_new_privileges(question: Question) -> Iterator[str]:
    if not question.spec.no_new_privileges:
        yield from question.refusals(lambda allowed, _: allowed.new_privileges)


def _host_namespaces(question: Question) -> Iterator[str]:
    for name in question.spec.host_namespaces:
        yield from question.refusals(lambda allowed, one: one in allowed.host_namespaces, name)


def _binds(question: Question) -> Iterator[str]:
    for bind in question.spec.binds:
        if ".." in bind.source.split("/"):
            yield f"{bind.source}: a path with '..' is never allowed"
        else:
            yield from question.refusals(_has_path, bind.source)


def _devices(question: Question) -> Iterator[str]:
    for name in question.spec.devices:
        yield from question.refusals(lambda allowed, one: _listed(one, allowed.devices), name)


def _id_range(question: Question) -> Iterator[str]:
    """Judge the first host id: the database names it, so it could name root."""
    if question.ceiling is None:
        return
    first, base = question.spec.id_range, question.ceiling.id_base
    if first is None or first < base or (first - base) % ID_RANGE_SIZE:
        yield f"{first} is not the beginning of a range from {base} on"


def _limits(question: Question) -> Iterator[str]:
    limits, quotas, usage = question.spec.limits, question.rules.quotas, question.usage
    yield from _sum("memory_bytes", limits.memory_bytes, usage.memory_bytes, quotas)
    yield from _sum("cpus", limits.cpus, usage.cpus, quotas)
    if quotas.max_pids is not None and limits.pids > quotas.max_pids:
        yield f"pids: {limits.pids} is more than the team's {quotas.max_pids} for one container"


def _sum(name: str, wanted: float | None, used: float, quotas: Quotas) -> Iterator[str]:
    limit = getattr(quotas, f"max_{name}")
    if limit is None:
        return
    if wanted is None:
        yield f"{name}: must be given, the team has {limit} in all"
    elif used + wanted > limit:
        yield f"{name}: {wanted} and the {used} in use are more than the team's {limit}"


def _containers(question: Question) -> Iterator[str]:
    """Judge the number of containers; the owning team's key stands for it in the table."""
    limit = question.rules.quotas.max_containers
    if limit is not None and question.usage.containers >= limit:
        yield f"the team has {question.usage.containers} containers and may have {limit}"


def capability(name: str) -> str:
    """Return the kernel's name of a capability, whichever way it was written."""
    upper = name.upper()
    return upper if upper.startswith("CAP_") else f"CAP_{upper}"


def _has_capability(allowed: Allowances, name: str) -> bool:
    return _listed(
        name, tuple(one if one == ALL else capability(one) for one in allowed.capabilities)
    )


def _has_path(allowed: Allowances, path: str) -> bool:
    inside = f"{path.rstrip('/')}/"
    return any(inside.startswith(f"{top.rstrip('/')}/") for top in allowed.host_paths)


def _listed(name: str, names: tuple[str, ...]) -> bool:
    return name in names or ALL in names


FIELDS: dict[str, Check] = {
    "image": _free,
    "namespace": _containers,
    "name": _free,
    "command": _free,
    "entrypoint": _free,
    "env": _free,
    "labels": _free,
    "limits": _limits,
    "user": _free,
    "working_dir": _free,
    "hostname": _free,
    "stop_signal": _free,
    "stop_timeout_seconds": _free,
    "restart": _free,
    "restart_retries": _free,
    "read_only": _free,
    "id_range": _id_range,
    "privileged": _privileged,
    "capabilities_add": _capabilities,
    "capabilities_drop": _free,
    "seccomp": _seccomp,
    "no_new_privileges": _no_new_privileges,
    "host_namespaces": _host_namespaces,
    "binds": _binds,
    "devices": _devices,
}
