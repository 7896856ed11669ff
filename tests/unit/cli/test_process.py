"""What exec executes is the bundle's process with the changes of its flags."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.cli.arguments import parse
from runtime.cli.execute import cgroup_paths
from runtime.cli.process import further
from runtime.errors import InvalidSpec

BUNDLE: dict[str, Any] = {
    "args": ["sleep", "1"],
    "cwd": "/srv",
    "env": ["A=1"],
    "terminal": True,
    "consoleSize": {"height": 1, "width": 2},
    "user": {"uid": 5, "gid": 6, "additionalGids": [7], "umask": 18},
    "capabilities": {"bounding": ["CAP_KILL"], "inheritable": ["CAP_KILL"]},
    "oomScoreAdj": 3,
}


def made(*line: str, given: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the document for a command line."""
    return further(parse(["exec", *line]), BUNDLE, given)


def test_without_flags_only_command_and_terminal_are_others() -> None:
    expected = {**BUNDLE, "args": ["ls", "-l", "--all"], "terminal": False}
    del expected["consoleSize"]

    assert made("box", "ls", "-l", "--all") == expected


def test_flags_change_what_they_name() -> None:
    told = made(
        *("--tty", "--cwd", "/tmp", "--env", "B=2", "-e", "C=3", "--no-new-privs"),
        *("--user", "8:9", "-g", "10", "--cap", "CAP_CHOWN", "box", "sh"),
    )

    assert (told["terminal"], told["cwd"], told["noNewPrivileges"]) == (True, "/tmp", True)
    assert told["env"] == ["A=1", "B=2", "C=3"]
    assert told["user"] == {"uid": 8, "gid": 9, "additionalGids": [7, 10], "umask": 18}
    assert told["capabilities"] == {
        "bounding": ["CAP_KILL", "CAP_CHOWN"],
        "effective": ["CAP_CHOWN"],
        "permitted": ["CAP_CHOWN"],
        "inheritable": ["CAP_KILL"],
    }


def test_a_user_without_a_group_keeps_the_group() -> None:
    assert made("--user", "8", "box", "sh")["user"]["gid"] == 6


def test_the_bundle_is_left_as_it_was() -> None:
    before = repr(BUNDLE)
    made("--user", "8", "--env", "B=2", "--cap", "CAP_CHOWN", "-g", "1", "box", "sh")

    assert repr(BUNDLE) == before


def test_labels_are_put_where_they_are_refused_by_name() -> None:
    told = made("--apparmor", "strict", "--process-label", "label", "box", "sh")

    assert (told["apparmorProfile"], told["selinuxLabel"]) == ("strict", "label")


def test_a_process_that_is_given_stands_for_itself() -> None:
    given = {"args": ["x"], "cwd": "/"}

    assert made("--user", "8", "box", given=given) == given
    assert made("--tty", "box", given=given)["terminal"] is True


@pytest.mark.parametrize(
    ("line", "given", "field"),
    [
        (["box"], None, "exec"),
        (["box", "sh"], {}, "--process"),
        (["--user", "alice", "box", "sh"], None, "--user"),
        (["--user", "1:", "box", "sh"], None, "--user"),
        (["-g", "-1", "box", "sh"], None, "--additional-gids"),
    ],
)
def test_what_makes_no_sense_is_named(
    line: list[str], given: dict[str, Any] | None, field: str
) -> None:
    with pytest.raises(InvalidSpec) as raised:
        made(*line, given=given)

    assert raised.value.field == field


def test_paths_of_groups_are_by_controller() -> None:
    assert cgroup_paths([]) == {}
    assert cgroup_paths(["a/b"]) == {"": "a/b"}
    assert cgroup_paths(["cpu,memory:x", "y"]) == {"cpu": "x", "memory": "x", "": "y"}
