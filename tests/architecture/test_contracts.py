"""The import contracts hold, and each of them would notice a breach."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture import tree

BREACHES = {
    "runtime-layers": ("runtime/kernel/libc.py", "import runtime.isolation.launch"),
    "runtime-is-a-library": ("runtime/system/doctor.py", "import celery"),
    "planning-is-pure": ("runtime/isolation/plan.py", "import os"),
    "stays-light": ("runtime/state/records.py", "import logging"),
    "panel-layers": ("panel/web/frame.py", "import panel.api.urls"),
    "web-needs-no-root": ("panel/inventory/queries.py", "import runtime.engine"),
    "one-door": ("panel/worker/run.py", "import runtime.kernel.mounts"),
    "no-cycles": ("panel/accounts/roles.py", "import panel.accounts.permissions"),
}


def lint(directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Check the contracts of the tree in `directory`."""
    command = str(Path(sys.executable).with_name("lint-imports"))
    return subprocess.run(
        [command, "--no-cache", *options],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_every_import_contract_is_kept() -> None:
    done = lint(tree.ROOT)

    assert done.returncode == 0, done.stdout[-8000:]


@pytest.mark.parametrize("contract", sorted(BREACHES))
def test_a_breach_of_a_contract_is_noticed(contract: str, tmp_path: Path) -> None:
    module, line = BREACHES[contract]
    for path in [*tree.modules("runtime", "panel"), tree.ROOT / "pyproject.toml"]:
        copy = tmp_path / path.relative_to(tree.ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    with (tmp_path / module).open("a") as file:
        file.write(f"\n{line}\n")

    done = lint(tmp_path, "--contract", contract)

    assert done.returncode == 1, done.stdout[-4000:]
    assert "0 kept, 1 broken" in done.stdout


def test_every_contract_has_its_breach() -> None:
    declared = (tree.ROOT / "pyproject.toml").read_text()

    assert {f'id = "{contract}"' for contract in BREACHES} == {
        line for line in declared.splitlines() if line.startswith('id = "')
    }
