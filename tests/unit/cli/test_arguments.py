"""Command lines are read as runc and crun read them."""

from __future__ import annotations

import pytest

from runtime.cli.arguments import COMMANDS, parse
from runtime.cli.main import DOORS
from runtime.errors import InvalidSpec


def test_flags_stand_before_and_behind_the_command() -> None:
    words = parse(["--root", "/r", "--log-format=json", "create", "-b", "/b", "--no-pivot", "box"])

    assert words.command == "create"
    assert words.words == ["box"]
    assert (words.last("--root"), words.last("--log-format")) == ("/r", "json")
    assert words.last("--bundle") == "/b"
    assert words.is_on("--no-pivot")


def test_flags_may_follow_the_id() -> None:
    assert parse(["delete", "box", "--force"]).is_on("--force")


def test_a_switch_can_be_switched_off() -> None:
    assert not parse(["delete", "--force=false", "box"]).is_on("--force")


def test_the_last_of_several_values_counts() -> None:
    assert parse(["create", "--bundle", "/a", "--bundle=/b", "x"]).last("--bundle") == "/b"


def test_a_short_flag_means_what_its_command_says() -> None:
    assert parse(["delete", "-f", "box"]).is_on("--force")
    assert parse(["list", "-f", "json"]).last("--format") == "json"
    assert parse(["kill", "-r", "-a", ".*"]).is_on("--regex")


def test_behind_the_id_of_ps_come_options_of_another_program() -> None:
    words = parse(["ps", "-f", "table", "box", "-f", "--forest"])

    assert words.words == ["box", "-f", "--forest"]
    assert words.last("--format") == "table"


def test_two_dashes_end_the_flags() -> None:
    assert parse(["kill", "--", "-box", "9"]).words == ["-box", "9"]


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (["dance"], "dance"),
        (["--colour", "create", "x"], "--colour"),
        (["create", "--colour=red", "x"], "--colour=red"),
        (["create"], "create"),
        (["create", "x", "y"], "create"),
        (["create", "x", "--bundle"], "--bundle"),
        (["list", "x"], "list"),
    ],
)
def test_what_makes_no_sense_is_named(line: list[str], field: str) -> None:
    with pytest.raises(InvalidSpec) as raised:
        parse(line)

    assert raised.value.field == field


@pytest.mark.parametrize("text", ["-1", "x", "", "٣"])
def test_a_number_is_digits(text: str) -> None:
    with pytest.raises(InvalidSpec, match="--preserve-fds"):
        parse(["create", f"--preserve-fds={text}", "x"]).number("--preserve-fds")


def test_every_command_has_a_door() -> None:
    assert set(DOORS) == set(COMMANDS)
