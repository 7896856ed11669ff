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


def test_a_log_is_measured_from_the_engine_to_the_socket(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "samples.json"

    counts = ["--megabytes", "3", "--rounds", "1", "--lines", "20"]
    assert logs.main([*counts, "--out", str(out)]) == 0

    found = json.loads(out.read_text())
    printed = capsys.readouterr().out
    for name in ("store_mb_s", "read_mb_s", "rest_mb_s", "shim_pss_kb"):
        assert min(found[name]) > 0
        assert name in printed
    for name in ("engine_follow_ms", "node_stream_ms", "websocket_ms"):
        assert len(found[name]) >= 20
        assert min(found[name]) >= 0
        assert name in printed
