"""The conduct of a container follows its record, and older records have nothing to follow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from runtime.oci.bundle import Bundle, Resources
from runtime.shim.amendments import conduct_of
from runtime.shim.conduct import Conduct, restarts
from runtime.spec.limits import Limits
from runtime.state import schema

MIB = 1 << 20
BUNDLE = Bundle(
    id="a" * 32,
    args=("true",),
    env=(),
    cwd="/",
    user="",
    hostname="a",
    lower=("/layer",),
    state_dir="/state",
    id_base=300_000_000,
    cgroup="moorage.slice/x/a",
    resources=Resources(memory_bytes=64 * MIB, pids=9),
)
CONDUCT = Conduct(
    bundle=BUNDLE,
    stop_signal=15,
    stop_timeout_seconds=10,
    restart="always",
    restart_retries=0,
    log_bytes=65_536,
    log_files=1,
)


def test_limits_and_policy_are_taken_over_and_nothing_else() -> None:
    limits = Limits(memory_bytes=32 * MIB, pids=5, log_files=7).to_json()
    changed = CONDUCT.amended({"limits": limits, "restart": "no", "restart_retries": 2})

    assert changed.bundle.resources == Resources(memory_bytes=32 * MIB, pids=5)
    assert not restarts(changed, exit_code=1, count=0)
    assert replace(changed, bundle=BUNDLE, restart="always", restart_retries=0) == CONDUCT


def test_other_amended_fields_are_none_of_its_business() -> None:
    assert CONDUCT.amended({"name": "web"}) == CONDUCT
    assert CONDUCT.amended({}) == CONDUCT


def write(directory: Path, name: str, content: bytes) -> None:
    (directory / name).write_bytes(content)


def test_a_shim_minds_its_container_as_the_record_says(tmp_path: Path) -> None:
    write(tmp_path, "config.json", schema.encode(CONDUCT.to_json()))
    write(tmp_path, "state.json", schema.encode({"amended": {"restart": "on-failure"}}))

    assert conduct_of(str(tmp_path)) == replace(CONDUCT, restart="on-failure")


def test_a_record_that_is_damaged_or_older_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, "config.json", schema.encode(CONDUCT.to_json()))

    assert conduct_of(str(tmp_path)) == CONDUCT
    for content in (b"", b"{", schema.encode({})):
        write(tmp_path, "state.json", content)
        assert conduct_of(str(tmp_path)) == CONDUCT
