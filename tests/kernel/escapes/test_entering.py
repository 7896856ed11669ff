"""Processes of the engine that enter a container are nothing to those inside."""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.errors import InvalidSpec
from runtime.isolation import init
from runtime.oci.bundle import DEFAULT_CAPABILITIES
from runtime.spec.execution import ExecSpec
from tests.conftest import Counts
from tests.kernel.containers.conftest import an_instance
from tests.kernel.escapes.programs import lower
from tests.kernel.lab import Lab, make_layer

pytestmark = pytest.mark.kernel

Programs = Callable[[str], Path]
ROOT = Path(__file__).parents[3]
STDLIB = Path(sysconfig.get_path("stdlib"))
WHAT_IS_EXECUTED = {"/bin/busybox"}
ITS_ROOT = {"/"}
ONLY_THERE = "only_in_the_image"


def fingerprint() -> str:
    """Return what interpreter and engine are, byte for byte."""
    told = hashlib.sha256(Path(os.path.realpath(sys.executable)).read_bytes())
    for path in sorted(ROOT.joinpath("runtime").rglob("*.py")):
        told.update(path.read_bytes())
    return told.hexdigest()


@pytest.mark.parametrize("more", [(), ("CAP_SYS_PTRACE",)], ids=["default", "with CAP_SYS_PTRACE"])
def test_a_spy_meets_nothing_but_what_the_container_executes(
    lab: Lab, programs: Programs, counts: Counts, more: tuple[str, ...]
) -> None:
    """CVE-2019-5736 and CVE-2016-9962: the program is overwritten, or its process traced."""
    capabilities = (*DEFAULT_CAPABILITIES, *more)
    before = fingerprint()
    layers = lower(programs("spy"), lab)
    with lab.box("/spy", lower=layers, capabilities=capabilities) as box:
        for _ in range(counts(50, full=500)):
            assert box.join("/bin/true", capabilities=capabilities)[0] == 0
        box.join("/bin/sleep", "0.5")
        box.join("/bin/touch", "/stop")
        told = [line.split(" ", 1) for line in box.read().splitlines()]

    met: dict[str, set[str]] = {}
    for deed, target in told:
        met.setdefault(deed, set()).add(target)
    assert met["exe"] == met["seize"] == WHAT_IS_EXECUTED  # it does see who is there to be seen
    assert met["cwd"] == met["root"] == ITS_ROOT
    assert "descriptor" not in met
    assert met.get("write", set()) <= WHAT_IS_EXECUTED
    assert fingerprint() == before


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """Make a layer that has code of its own wherever the engine has its modules."""
    layer = make_layer(tmp_path / "layer")
    for top in (STDLIB, ROOT / "runtime"):
        for path in (*top.glob("*.py"), *top.glob("encodings/*.py"), *top.glob("*/*.py")):
            _plant(layer / str(path)[1:])
    _plant(layer / str(STDLIB / f"{ONLY_THERE}.py")[1:])
    return layer


def _plant(path: Path) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("with open('/sprung', 'a') as file:\n    file.write(__name__ + '\\n')\n")


def test_nothing_of_the_image_is_executed_by_the_engine(trap: Path) -> None:
    """CVE-2019-14271: what the engine loads late comes from the image, and runs with its rights."""
    odd = (
        ExecSpec(command=("/n\u00f6where",)),
        ExecSpec(command=("/bin/true",), user="n\u00f6body"),
        ExecSpec(command=("/bin/true",), working_dir="/n\u00f6where"),
    )
    with an_instance(str(trap)) as instance:
        containers = instance.engine.containers
        box = instance.run("sleep 600")
        containers.execute(box.id, ExecSpec(command=("/bin/true",)), operation="plain")
        for number, one in enumerate(odd):
            with pytest.raises(InvalidSpec):
                containers.execute(box.id, one, operation=f"odd-{number}")
        with pytest.raises(InvalidSpec):
            instance.run("true", user="n\u00f6body")
        sprung = list(Path(instance.config.data).rglob("sprung"))

    assert sprung == []
    assert not (trap / "sprung").exists()


def test_the_trap_springs_where_imports_are_not_stopped(trap: Path) -> None:
    assert _import_in(trap, before=lambda: None) == 0
    assert (trap / "sprung").read_text() == f"{ONLY_THERE}\n"

    assert _import_in(trap, before=init.stop_imports) == 1


def _import_in(layer: Path, *, before: Callable[[], None]) -> int:
    """Import a module that only the image has, with its tree as the root; 1 if there is none."""
    child = os.fork()
    if child == 0:
        try:
            before()
            os.chroot(layer)
            os.chdir("/")
            importlib.invalidate_caches()
            importlib.import_module(ONLY_THERE)
        except (ImportError, ImportWarning):
            os._exit(1)
        except BaseException:
            os._exit(2)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
