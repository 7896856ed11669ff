"""A runtime is started often: no command loads what it has no use for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runtime.cli.main import DOORS

ROOT = Path(__file__).parents[3]
LOADING = """
import sys
sys.path.insert(0, sys.argv[1])
import importlib
import runtime.cli.main
importlib.import_module("runtime.cli." + sys.argv[2])
print(*sys.modules)
"""
LIGHT = ("delete", "kill", "list", "pause", "ps", "resume", "start", "state")
HEAVY = ("runtime.oci.config", "runtime.isolation.oci.init", "runtime.isolation.hooks")
ENGINE = ("runtime.isolation.init", "runtime.isolation.finish", "runtime.isolation.launch")


def loaded(command: str) -> set[str]:
    """Return the modules that a command has loaded when it begins."""
    words = [sys.executable, "-S", "-I", "-c", LOADING, str(ROOT), DOORS[command][0]]
    return set(subprocess.run(words, capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("command", LIGHT)
def test_what_makes_no_container_reads_no_configuration(command: str) -> None:
    assert loaded(command) & {*HEAVY, *ENGINE} == set()


@pytest.mark.parametrize("command", sorted(DOORS))
def test_nothing_loads_what_makes_the_engines_own_containers(command: str) -> None:
    unwanted = {"asyncio", "logging", "argparse", "threading", *ENGINE}

    assert loaded(command) & unwanted == set()
