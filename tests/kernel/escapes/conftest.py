from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.kernel.containers.conftest import instance, layer
from tests.kernel.escapes.programs import compile_program
from tests.kernel.isolation.conftest import lab
from tests.kernel.runtimes import OURS, Runtime, a_runtime

__all__ = ["instance", "lab", "layer"]


@pytest.fixture(scope="session")
def programs() -> Iterator[Callable[[str], Path]]:
    """Return a hostile program by its name, alone in a directory that can be a layer."""
    top = Path(tempfile.mkdtemp(prefix="moorage-test-", dir="/var/tmp"))
    top.chmod(0o711)

    def compiled(name: str) -> Path:
        program = top / name / name
        if not program.exists():
            program.parent.mkdir()
            program.parent.chmod(0o755)
            compile_program(name, program)
        return program

    yield compiled
    shutil.rmtree(top)


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    with a_runtime(OURS) as made:
        yield made
