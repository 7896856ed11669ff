"""What can be asked of a session."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.errors import InvalidSpec
from runtime.spec.session import SessionSpec

SHELL: dict[str, Any] = {"command": ["sh"]}


def test_it_is_a_terminal_of_the_usual_size_unless_it_says_otherwise() -> None:
    spec = SessionSpec.from_json(SHELL)

    assert (spec.tty, spec.rows, spec.columns) == (True, 24, 80)
    assert spec.process.command == ("sh",)


def test_plain_data_comes_back_as_it_was() -> None:
    spec = SessionSpec.from_json(
        {**SHELL, "tty": False, "rows": 1, "columns": 65_535, "user": "bob", "env": {"A": "b"}}
    )

    assert SessionSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"command": []}, "command"),
        ({"tty": 1}, "tty"),
        ({"rows": 0}, "rows"),
        ({"columns": 65_536}, "columns"),
        ({"rows": None}, "rows"),
        ({"working_dir": "here"}, "working_dir"),
        ({"privileged": True}, "privileged"),
        ({"detach": True}, "detach"),
    ],
)
def test_what_is_wrong_is_refused_by_its_name(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        SessionSpec.from_json({**SHELL, **wrong})

    assert refused.value.field == field


def test_not_being_privileged_may_be_said() -> None:
    assert SessionSpec.from_json({**SHELL, "privileged": False}).process.user is None
