"""One pure function that says whether a spec may run. Every field of the spec is in its table."""

from __future__ import annotations

from dataclasses import dataclass

from panel.policy.question import Question, refusals
from panel.policy.rules import Ceiling, Refusal, Refused, Rules, Usage
from panel.policy.table import FIELDS
from runtime.spec.container import ContainerSpec


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


def judge(spec: ContainerSpec, rules: Rules, usage: Usage, ceiling: Ceiling | None) -> Verdict:
    """Say whether a team with `rules` that already has `usage` may run `spec` under `ceiling`."""
    question = Question(spec, rules, usage, ceiling)
    return Verdict(
        tuple(
            Refusal(field, reason) for field, check in FIELDS.items() for reason in check(question)
        )
    )


def judge_session(rules: Rules, ceiling: Ceiling | None) -> Verdict:
    """Say whether a team with `rules` may converse with what runs, under `ceiling`."""
    reasons = refusals(rules, ceiling, lambda allowed, _: allowed.sessions)
    return Verdict(tuple(Refusal("session", reason) for reason in reasons))
