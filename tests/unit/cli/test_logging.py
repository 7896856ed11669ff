"""The log that an engine reads what went wrong from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runtime.cli.main import main


def test_a_format_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--log-format", "xml", "--version"]) == 1
    assert "--log-format: 'xml' is none of text, json" in capsys.readouterr().err


def test_a_log_that_cannot_be_written_is_refused_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "missing" / "log"

    assert main(["--log", str(path), "--version"]) == 1
    told = capsys.readouterr()
    assert told.err == f"moorage-runtime: --log: {path}: no such file or directory\n"
    assert told.out == ""


@pytest.mark.parametrize("format_", ["text", "json"])
def test_what_goes_wrong_is_in_the_log(tmp_path: Path, format_: str) -> None:
    path = tmp_path / "log"

    assert main(
        ["--log", str(path), "--log-format", format_, "--root", str(tmp_path), "state", "x"]
    )
    line = path.read_text()
    if format_ == "json":
        told = json.loads(line)
        assert (told["level"], "x" in told["msg"]) == ("error", True)
    else:
        assert "level=error msg=" in line
