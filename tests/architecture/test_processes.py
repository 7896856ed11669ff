"""What each process loads, seen in the process itself: the import contracts cannot see it."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.config import EngineConfig
from tests.architecture import tree

OURS_IN_A_ZYGOTE = (
    "runtime",
    "runtime.abi",
    "runtime.cgroups",
    "runtime.config",
    "runtime.errors",
    "runtime.events",
    "runtime.isolation",
    "runtime.kernel",
    "runtime.oci",
    "runtime.shim",
    "runtime.spec",
    "runtime.state",
    "runtime.containers",
    "runtime.dialogue",
)
"""Packages of ours that the zygote may load."""
HEAVY = {
    "asyncio", "argparse", "concurrent", "decimal", "difflib", "django", "email", "hashlib", "http",
    "importlib.metadata", "logging", "multiprocessing", "pydoc", "site", "ssl",
    "subprocess", "tempfile", "threading", "unittest", "urllib", "uuid", "xml", "zipfile",
}  # fmt: skip
"""Of the standard library, what a fork of it must not carry."""


def loaded_by(statement: str, *options: str, **variables: str) -> set[str]:
    """Return the modules that a fresh interpreter has after `statement`."""
    code = f"import sys; sys.path.insert(0, {str(tree.ROOT)!r}); {statement}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, *options, "-c", code],
        env={**os.environ, **variables},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def packages(modules: set[str], *prefixes: str) -> set[str]:
    """Return those of `modules` that are one of `prefixes` or inside of it."""
    return {
        name
        for name in modules
        if any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)
    }


def test_the_web_process_loads_no_code_that_needs_root(tmp_path: Path) -> None:
    loaded = loaded_by(
        "import panel.asgi; from django.urls import get_resolver; get_resolver().url_patterns",
        DJANGO_SETTINGS_MODULE="panel.settings",
        DATA_ROOT=str(tmp_path),
        RUN_ROOT=str(tmp_path),
        SECRET_KEY="for this test only",
    )

    assert "panel.api.containers" in loaded
    root_only = (
        "engine",
        "kernel",
        "isolation",
        "containers",
        "cgroups",
        "shim",
        "state",
        "images",
    )
    assert packages(loaded, *(f"runtime.{name}" for name in root_only)) == set()


def test_bootstrap_runs_on_the_standard_library_alone() -> None:
    loaded = loaded_by("import panel.host.bootstrap", "-S", "-E", "-I")

    foreign = {name.partition(".")[0] for name in loaded} - set(sys.stdlib_module_names)
    assert foreign <= {"panel", "runtime", "__main__"}


def test_the_zygotes_program_loads_little() -> None:
    loaded = loaded_by("import runtime.shim.daemon", "-S", "-E", "-I")

    assert packages(loaded, *HEAVY) == set()
    assert packages(loaded, "runtime") <= packages(loaded, *OURS_IN_A_ZYGOTE)
    assert packages(loaded, "runtime.engine", "runtime.images", "runtime.archive") == set()


LATE = {"runtime.state.spool: wait"}
"""Functions that import when they are called: by the node agent only."""


def test_nothing_that_the_zygote_runs_imports_later() -> None:
    """So that what its program loads is what a live zygote and its shims have."""
    loaded = packages(loaded_by("import runtime.shim.daemon", "-S", "-E", "-I"), "runtime")
    late = [
        f"{name}: {function}"
        for name in sorted(loaded)
        for function, node in tree.functions(source(name))
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]

    assert set(late) == LATE


def source(module: str) -> Path:
    """Return the file of a module of ours."""
    path = tree.ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@pytest.fixture
def zygote(tmp_path: Path) -> Iterator[int]:
    """Start a zygote of an instance of its own; yield its process id, and have it leave."""
    from runtime.engine import Engine

    run_root = f"/run/mo-zygote-{os.getpid()}"
    config = EngineConfig(data_root=str(tmp_path / "data"), run_root=run_root)
    try:
        with Engine.open(config) as engine:
            (pid,) = processes_with(run_root)
            yield pid
            engine.system.retire()
        until = time.monotonic() + 10
        while processes_with(run_root) and time.monotonic() < until:
            time.sleep(0.05)
        assert processes_with(run_root) == []
    finally:
        shutil.rmtree(run_root)


def processes_with(argument: str) -> list[int]:
    """Return the processes that were given `argument`."""
    found = []
    for name in os.listdir("/proc"):
        try:
            arguments = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if name.isdigit() and argument.encode() in arguments:
            found.append(int(name))
    return found


def test_a_live_zygote_is_small_and_single_threaded(zygote: int) -> None:
    """Extension modules appear in the map of a process, whoever imported them."""
    mapped = Path(f"/proc/{zygote}/maps").read_text()

    assert "/_ctypes." in mapped
    for heavy in ("_ssl", "_hashlib", "_sqlite3", "_asyncio", "_decimal", "_multiprocessing"):
        assert f"/{heavy}." not in mapped, heavy
    assert os.listdir(f"/proc/{zygote}/task") == [str(zygote)]
