"""Hooks run in order with what they are given, and the first that fails stops the rest."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from runtime.errors import InvalidSpec
from runtime.isolation.hooks import run_hooks
from runtime.oci.config import Hook
from tests.kernel.lab import until

pytestmark = pytest.mark.kernel

STATE = b'{"id": "box", "status": "creating"}'


def shell(script: str, *env: str, timeout_seconds: int | None = None) -> Hook:
    """Return a hook that runs a shell script."""
    args = ("sh", "-c", script)
    return Hook(path="/bin/sh", args=args, env=env, timeout_seconds=timeout_seconds)


def test_a_hook_reads_the_state_and_has_its_own_environment(tmp_path: Path) -> None:
    told, variables = tmp_path / "told", tmp_path / "variables"
    os.environ["OF_THE_CALLER"] = "1"
    try:
        hook = shell(f"cat > {told}; /usr/bin/env > {variables}", "A=b=c")
        run_hooks("createRuntime", (hook,), STATE)
    finally:
        del os.environ["OF_THE_CALLER"]

    assert told.read_bytes() == STATE
    lines = variables.read_text().splitlines()
    assert "A=b=c" in lines
    assert "OF_THE_CALLER=1" not in lines


def test_hooks_run_in_order_and_none_after_one_that_failed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    hooks = (
        shell(f"echo 1 >> {log}"),
        shell(f"echo 2 >> {log}; exit 3"),
        shell(f"echo 3 >> {log}"),
    )

    with pytest.raises(InvalidSpec) as raised:
        run_hooks("prestart", hooks, STATE)

    assert log.read_text().split() == ["1", "2"]
    assert str(raised.value) == "hooks.prestart[1]: /bin/sh ended with 3"


def test_a_hook_that_dies_is_a_failure() -> None:
    with pytest.raises(InvalidSpec, match="ended by signal 9"):
        run_hooks("poststop", (shell("kill -9 $$"),), STATE)


def test_what_cannot_be_executed_names_its_path() -> None:
    with pytest.raises(InvalidSpec) as raised:
        run_hooks("poststart", (Hook(path="/not/there"),), STATE)

    assert raised.value.field == "hooks.poststart[0].path"
    assert "/not/there" in raised.value.reason


def test_an_exit_code_of_127_is_not_taken_for_a_missing_program() -> None:
    with pytest.raises(InvalidSpec, match="ended with 127"):
        run_hooks("poststart", (shell("exit 127"),), STATE)


def test_a_hook_that_takes_too_long_is_killed_with_its_children(tmp_path: Path) -> None:
    child = tmp_path / "child"
    hook = shell(f"sleep 100 & echo $! > {child}; wait", timeout_seconds=1)
    before = time.monotonic()

    with pytest.raises(InvalidSpec) as raised:
        run_hooks("prestart", (hook,), STATE)

    assert raised.value.field == "hooks.prestart[0].timeout"
    assert 1 <= time.monotonic() - before < 10
    status = Path(f"/proc/{int(child.read_text())}/stat")
    until(lambda: not status.exists() or status.read_text().split()[2] == "Z")


def test_a_hook_without_arguments_gets_its_path_and_nothing_is_left_open() -> None:
    before = sorted(os.listdir("/proc/self/fd"))

    run_hooks("prestart", (Hook(path="/bin/true"),), STATE)
    with pytest.raises(InvalidSpec):
        run_hooks("prestart", (Hook(path="/not/there"),), STATE)

    assert sorted(os.listdir("/proc/self/fd")) == before


def test_a_hook_has_no_descriptor_of_the_caller(tmp_path: Path) -> None:
    listing = tmp_path / "listing"
    reader, writer = os.pipe()
    os.set_inheritable(reader, True)
    os.set_inheritable(writer, True)
    try:
        run_hooks("prestart", (shell(f"ls -l /proc/$$/fd > {listing}"),), STATE)
    finally:
        os.close(reader)
        os.close(writer)

    numbers = {line.split()[-3] for line in listing.read_text().splitlines() if "->" in line}
    assert not numbers & {str(reader), str(writer)}
