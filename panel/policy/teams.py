"""The rules of a team, out of its row."""

from __future__ import annotations

from panel.policy.models import TeamPolicy
from panel.policy.presets import DEFAULT, preset
from panel.policy.rules import Refusal, Refused, Rules
from runtime.errors import InvalidSpec, NotFound


def rules_of(team_id: int) -> Rules:
    """Return what the team may ask for. Raises Refused where its row cannot be understood."""
    row = TeamPolicy.objects.filter(team_id=team_id).first()
    if row is None:
        return preset(DEFAULT)
    try:
        return preset(row.preset).overridden(row.overrides)
    except (InvalidSpec, NotFound, TypeError, AttributeError) as wrong:
        refusal = Refusal("policy", f"the team's policy cannot be read: {wrong}")
        raise Refused((refusal,)) from wrong
