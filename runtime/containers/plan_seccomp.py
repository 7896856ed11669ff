"""A spec's own filter of system calls, compiled for the machine that it will run on. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from runtime.errors import InvalidSpec
from runtime.isolation.profile import Filter, compile_profile
from runtime.oci.config_seccomp import (
    ACTIONS,
    EPERM,
    FLAGS,
    WITH_ERRNO,
    Action,
    Condition,
    Rule,
    Seccomp,
)
from runtime.spec.security import SeccompCondition, SeccompProfile, SeccompRule

_FIELD = "security.seccomp_profile"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""uname -m -> how conditions of Docker's profiles call it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What conditions of rules ask for: uname -m, uname -r, and what the container may do."""

    machine: str
    release: str
    capabilities: tuple[str, ...]


def compile_filter(profile: SeccompProfile, node: Node) -> Filter:
    """Return the filter of a profile. Raises InvalidSpec that names the place in it."""
    seccomp = resolve(profile, node)
    try:
        return compile_profile(seccomp, node.machine)
    except InvalidSpec as wrong:
        field = wrong.field.replace("linux.seccomp", _FIELD, 1)
        raise InvalidSpec(field, wrong.reason) from None


def resolve(profile: SeccompProfile, node: Node) -> Seccomp:
    """Return the profile with the rules that count on `node`. Raises InvalidSpec."""
    for place, flag in enumerate(profile.flags):
        if flag not in FLAGS:
            raise InvalidSpec(f"{_FIELD}.flags[{place}]", f"{flag} is not carried out")
    for name in ("listener_path", "listener_metadata"):
        if getattr(profile, name) is not None:
            raise InvalidSpec(f"{_FIELD}.{name}", "notifying a listener is not carried out")
    default = _action(_FIELD, "default_", profile.default_action, profile.default_errno)
    rules = []
    for place, rule in enumerate(profile.syscalls):
        where = f"{_FIELD}.syscalls[{place}]"
        if not rule.names:
            raise InvalidSpec(f"{where}.names", "must name a system call")
        action = _action(where, "", rule.action, rule.errno)
        if _counts(rule, node):
            rules.append(Rule(rule.names, action, _conditions(rule)))
    return Seccomp(
        default=default,
        architectures=profile.architectures,
        flags=profile.flags,
        rules=tuple(rules),
    )


def _action(where: str, prefix: str, name: str, errno: int | None) -> Action:
    if name not in ACTIONS:
        raise InvalidSpec(f"{where}.{prefix}action", "notifying a listener is not carried out")
    if name not in WITH_ERRNO:
        if errno is not None:
            raise InvalidSpec(f"{where}.{prefix}errno", f"means nothing with {name}")
        return Action(name)
    return Action(name, EPERM if errno is None else errno)


def _conditions(rule: SeccompRule) -> tuple[Condition, ...]:
    return tuple(Condition(one.index, one.op, one.value, one.value_two) for one in rule.args)


def _counts(rule: SeccompRule, node: Node) -> bool:
    """Say whether all of `includes` holds and none of `excludes`."""
    includes, excludes = rule.includes, rule.excludes
    if includes is not None and not all(_tests(includes, node, all_capabilities=True)):
        return False
    return excludes is None or not any(_tests(excludes, node, all_capabilities=False))


def _tests(condition: SeccompCondition, node: Node, *, all_capabilities: bool) -> list[bool]:
    """Return how what a condition asks for is answered; what it does not ask for is left out."""
    answers = []
    if condition.capabilities:
        held = [name in node.capabilities for name in condition.capabilities]
        answers.append(all(held) if all_capabilities else any(held))
    if condition.architectures:
        answers.append(_ARCHITECTURES.get(node.machine) in condition.architectures)
    if condition.min_kernel is not None:
        answers.append(_version(node.release) >= _version(condition.min_kernel))
    return answers


def _version(release: str) -> tuple[int, ...]:
    """Return the first two numbers of a kernel's release, 6.18 of 6.18.4-1-amd64."""
    numbers = []
    for part in release.split(".")[:2]:
        digits = part[: next((n for n, c in enumerate(part) if not c.isdecimal()), len(part))]
        numbers.append(int(digits or "0"))
    return tuple(numbers)
