"""The benchmarks run, with counts too small to say anything about speed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import logs, start
from benchmarks.runtimes import OciRuntime

pytestmark = pytest.mark.e2e


def test_starts_are_measured_next_to_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "samples.json"

    assert start.main(["--rounds", "3", "--out", str(out)]) == 0

    cases = json.loads(out.read_text())["cases"]
    expected = {"Engine: start", "zygote only", "REST: create to running"}
    if OciRuntime.installed("runc"):
        expected.add("runc run")
    assert expected <= cases.keys()
    for name, samples in cases.items():
        assert len(samples) == 3
        assert all(0 < sample["wall_ms"] < 60_000 for sample in samples), name
    assert "p50" in capsys.readouterr().out


def test_a_lines_way_to_the_socket_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "samples.json"

    assert logs.main(["--lines", "20", "--out", str(out)]) == 0

    delays = json.loads(out.read_text())["delays_ms"]
    assert len(delays) >= 20
    assert min(delays) >= 0
    assert f"{len(delays)} lines" in capsys.readouterr().out
