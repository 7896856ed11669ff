"""What the judge asks with: a spec, whose rules, and the node's ceiling. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from panel.policy.rules import Allowances, Ceiling, Rules, Usage
from runtime.spec.container import ContainerSpec

ALL = "*"
"""In a list of names: every name."""
Allows = Callable[[Allowances, str], bool]


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
        yield from (said + reason for reason in refusals(self.rules, self.ceiling, allows, name))


def refusals(
    rules: Rules, ceiling: Ceiling | None, allows: Allows, name: str = ""
) -> Iterator[str]:
    """Yield a reason for each of team and node that does not allow `name`."""
    if not allows(rules.allowances, name):
        yield "the team's policy does not allow it"
    if ceiling is None:
        return
    if ceiling.fault:
        yield ceiling.fault
    elif not allows(ceiling.allowances, name):
        yield "the node's ceiling does not allow it"


Check = Callable[[Question], Iterator[str]]


def listed(name: str, names: tuple[str, ...]) -> bool:
    """Say whether a list of allowed names has `name`, or all."""
    return name in names or ALL in names
