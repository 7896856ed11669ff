"""Setting a checkout up. The real installation is seen by tests/e2e and by every first run."""

from __future__ import annotations

import ast
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from panel.host import bootstrap, packages
from panel.host.bootstrap import Environment, SetupRefused
from panel.host.packages import PackagesMissing, SystemPackage, install_missing, wait_for_locks


def environment(place: Path) -> Environment:
    requirements = place / "requirements.txt"
    requirements.write_text("one==1\n")
    return Environment(place / ".venv", (requirements,))


@pytest.mark.parametrize("module", [bootstrap, packages])
def test_the_set_up_imports_the_standard_library_only(module: object) -> None:
    tree = ast.parse(Path(str(module.__file__)).read_text())  # type: ignore[attr-defined]
    names = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}

    tops = {name.split(".")[0] for name in names} - {"panel"}

    assert tops <= set(sys.stdlib_module_names)
    assert {name for name in names if name.startswith("panel")} <= {"panel.host.packages"}


def test_an_older_python_is_told_what_is_wrong_in_one_sentence(tmp_path: Path) -> None:
    source = Path(bootstrap.CHECKOUT, "manage.py").read_text()
    older = textwrap.dedent(
        """
        import sys
        sys.version_info = (3, 9, 2)
        sys.version = "3.9.2 (older)"
        """
    )
    script = tmp_path / "manage.py"
    script.write_text(older + source)

    ran = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)

    assert ran.returncode == 1
    assert ran.stderr == "Moorage needs Python 3.11 or newer; this is 3.9.2.\n"


def test_manage_py_can_be_read_by_python_3_6() -> None:
    source = Path(bootstrap.CHECKOUT, "manage.py").read_text()

    ast.parse(source, feature_version=(3, 6))


def test_the_test_command_gets_the_developers_tools_too() -> None:
    names = [path.name for path in bootstrap.environment_for("test").requirements]

    assert names == ["requirements.txt", "requirements-dev.txt"]
    assert len(bootstrap.environment_for("up").requirements) == 1


def test_an_environment_that_was_cut_short_is_not_current(tmp_path: Path) -> None:
    assert not bootstrap.is_current(environment(tmp_path))


def test_changed_requirements_make_an_environment_stale(tmp_path: Path) -> None:
    made = environment(tmp_path)
    made.path.mkdir()
    made.stamp.write_text("of other requirements")

    assert not bootstrap.is_current(made)


def test_a_directory_in_the_way_is_never_removed(tmp_path: Path) -> None:
    made = environment(tmp_path)
    made.path.mkdir()
    (made.path / "precious").write_text("mine")

    with pytest.raises(SetupRefused, match="not a virtual environment"):
        bootstrap.build(made)

    assert (made.path / "precious").read_text() == "mine"


def test_a_package_that_is_there_is_not_installed(tmp_path: Path) -> None:
    (tmp_path / "program").touch()
    said: list[str] = []

    install_missing((SystemPackage("program", (f"{tmp_path}/prog*",)),), say=said.append)

    assert said == []


def test_without_apt_the_missing_packages_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    wanted = SystemPackage("busybox-static", (f"{tmp_path}/none",))

    with pytest.raises(PackagesMissing, match="no apt-get here: busybox-static"):
        install_missing((wanted,), say=lambda _: None)


def test_what_only_some_tests_need_may_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    bootstrap._try_to_install((SystemPackage("qemu", (f"{tmp_path}/none",)),))

    assert "going on without qemu: These packages are missing" in capsys.readouterr().err


def test_a_program_that_needs_a_loader_is_not_static(tmp_path: Path) -> None:
    (tmp_path / "dynamic").write_bytes(b"\x7fELF" + b"\0" * 100 + b"/lib64/ld-linux-x86-64.so.2\0")
    (tmp_path / "static").write_bytes(b"\x7fELF" + b"\0" * 100)

    assert not SystemPackage("dynamic", (f"{tmp_path}/dynamic",), static=True).is_there()
    assert SystemPackage("static", (f"{tmp_path}/static",), static=True).is_there()


def test_a_held_package_lock_is_waited_for_with_one_message(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.touch()
    holding = "import fcntl,sys,time; f=open(sys.argv[1],'r+b'); fcntl.lockf(f,fcntl.LOCK_EX); "
    said: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-c", holding + "print('held',flush=True); time.sleep(0.5)", str(lock)],
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()

        wait_for_locks((str(lock),), say=said.append, patience_seconds=20)

        assert holder.poll() is not None
    assert said == ["waiting for another package manager to finish"]
