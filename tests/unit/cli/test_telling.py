"""What the command line tells of itself is what the code does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runtime.cli.features import features
from runtime.cli.kill import signal_number
from runtime.cli.main import main
from runtime.cli.ps import choose
from runtime.cli.template import template
from runtime.errors import InvalidSpec
from runtime.oci.config import parse_config
from runtime.oci.config_fields import REFUSED
from runtime.oci.config_mounts import parse_mount
from runtime.oci.config_seccomp import parse_seccomp
from runtime.oci.reading import Fields


def test_every_mount_option_that_is_told_is_taken() -> None:
    for option in features()["mountOptions"]:
        kind = "tmpfs" if option == "tmpcopyup" else "bind"
        wanted = {"destination": "/x", "type": kind, "source": "/y", "options": [option]}

        assert parse_mount(Fields(wanted)).data == (), option


def test_every_seccomp_word_that_is_told_is_taken() -> None:
    told = features()["linux"]["seccomp"]
    for action in told["actions"]:
        for operator in told["operators"]:
            rule = {
                "names": ["mkdir"],
                "action": action,
                "args": [{"index": 0, "op": operator, "value": 1}],
            }
            wanted = {"defaultAction": action, "syscalls": [rule], "flags": told["supportedFlags"]}

            assert parse_seccomp(Fields(wanted)).rules[0].conditions[0].operator == operator


@pytest.mark.parametrize(
    ("field", "part"),
    [
        ("process.apparmorProfile", "apparmor"),
        ("process.selinuxLabel", "selinux"),
        ("linux.intelRdt", "intelRdt"),
    ],
)
def test_what_is_refused_is_told_as_not_enabled(field: str, part: str) -> None:
    assert (field in REFUSED) == (not features()["linux"][part]["enabled"])


def test_the_template_is_a_configuration() -> None:
    for rootless in (False, True):
        config = parse_config(json.dumps(template(rootless=rootless)).encode())

        assert config.process.no_new_privileges
        assert ("user" in config.linux.namespaces) == rootless


def test_a_template_covers_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["spec", "--bundle", str(tmp_path)]

    assert (main(words), main(words)) == (0, 1)
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "number"), [("9", 9), ("TERM", 15), ("sigusr1", 10), ("0", 0)])
def test_signals_by_name_and_number(text: str, number: int) -> None:
    assert signal_number(text) == number


@pytest.mark.parametrize("text", ["SIGNOTHING", "-9", "65", "9x", ""])
def test_what_is_no_signal_is_refused(text: str) -> None:
    with pytest.raises(InvalidSpec, match="SIGNAL"):
        signal_number(text)


def test_help_and_version_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert main(["create", "--help"]) == 0

    told = capsys.readouterr().out
    assert "spec: 1.2.0" in told
    assert "--console-socket VALUE" in told


TABLE = "UID  PID PPID CMD\nroot   1    0 init\nroot  17    1 sleep 1\nroot 171    1 sleep 17\n\n"


def test_lines_about_processes_are_chosen_by_their_column() -> None:
    assert choose(TABLE, [17]) == "UID  PID PPID CMD\nroot  17    1 sleep 1\n"
    assert choose("PID\n 5\n", []) == "PID\n"


@pytest.mark.parametrize("table", ["", "UID CMD\nroot init\n"])
def test_a_table_without_numbers_is_refused(table: str) -> None:
    with pytest.raises(InvalidSpec, match="PID"):
        choose(table, [1])
