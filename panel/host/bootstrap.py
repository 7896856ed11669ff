"""Makes the virtual environment and enters it. Standard library only: nothing else is there yet."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from panel.host.packages import PackagesMissing, SystemPackage, install_missing

CHECKOUT = Path(__file__).resolve().parents[2]
STARTER = SystemPackage("busybox-static", paths=("/bin/busybox", "/usr/bin/busybox"), static=True)
TESTING = (
    SystemPackage("chromium", paths=("/usr/bin/chromium",)),
    SystemPackage("crun", paths=("/usr/bin/crun",)),
    SystemPackage("gcc", paths=("/usr/bin/gcc",)),
    SystemPackage("git", paths=("/usr/bin/git", "/usr/local/bin/git")),
    SystemPackage("libc6-dev", paths=("/usr/lib/*/libc.a",)),
    SystemPackage("postgresql", paths=("/usr/lib/postgresql/*/bin/initdb",)),
    SystemPackage("runc", paths=("/usr/sbin/runc", "/usr/bin/runc")),
    SystemPackage("strace", paths=("/usr/bin/strace",)),
    SystemPackage("systemd", paths=("/usr/bin/systemd-analyze",)),
)
EMULATING = (
    SystemPackage("qemu-system-x86", paths=("/usr/bin/qemu-system-x86_64",)),
    # Debian 12 has it in a package that comes with qemu, so this one is asked for after that.
    SystemPackage("virtiofsd", paths=("/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd")),
    SystemPackage("e2fsprogs", paths=("/usr/sbin/mkfs.ext4", "/sbin/mkfs.ext4")),
)
"""What a guest with another kernel needs. Its tests are skipped where this cannot be installed."""
OUTPUT_KEPT = 20
"""How many of pip's last lines are shown when it fails."""


class SetupRefused(Exception):
    """The environment cannot be made ready; the message is one sentence for the user."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment and the requirement files that decide what is in it."""

    path: Path
    requirements: tuple[Path, ...]

    @property
    def python(self) -> Path:
        """The interpreter inside."""
        return self.path / "bin" / "python3"

    @property
    def stamp(self) -> Path:
        """Holds what was installed; missing while an installation is under way."""
        return self.path / f"moorage-{len(self.requirements)}.stamp"


def enter(argv: list[str]) -> None:
    """Return inside an environment that has everything `argv` needs; re-execute to get there.

    Raises SetupRefused without root, or when something cannot be installed.
    """
    command = next((word for word in argv[1:] if not word.startswith("-")), "help")
    if os.geteuid() != 0:
        raise SetupRefused("Moorage builds containers straight from the kernel: run this as root.")
    os.umask(0o022)  # the web process, which is not root, reads what is installed here
    environment = environment_for(command)
    if not is_current(environment):
        with _only_one(CHECKOUT):
            if not is_current(environment):  # the one that was waited for may have done it
                build(environment)
    if command in {"up", "test"}:
        _install_system_packages((STARTER, *(TESTING if command == "test" else ())))
    if Path(sys.prefix) != environment.path:
        os.execv(environment.python, [str(environment.python), *argv])  # noqa: S606
    if command == "test":
        _try_to_install(EMULATING)


def environment_for(command: str, checkout: Path = CHECKOUT) -> Environment:
    """Return the environment that `command` runs in: `test` needs the tools for developers too."""
    names = ("requirements.txt", "requirements-dev.txt")
    wanted = names if command == "test" else names[:1]
    return Environment(checkout / ".venv", tuple(checkout / name for name in wanted))


def is_current(environment: Environment) -> bool:
    """Tell whether `environment` was finished for these requirements and its Python still runs."""
    try:
        stamped = environment.stamp.read_text(encoding="ascii")
    except OSError:
        return False
    if stamped != _digest(environment.requirements):
        return False
    return Path(sys.prefix) == environment.path or _version(environment.python) is not None


def build(environment: Environment) -> None:
    """Install the requirements, by hash; make the environment anew where it does not run.

    The stamp is written last: a build that was cut short is taken up by the next command.
    """
    inside = Path(sys.prefix) == environment.path
    if not inside and (_version(environment.python) or (0, 0)) < (3, 11):
        _make(environment.path)
    for stamp in environment.path.glob("moorage-*.stamp"):
        stamp.unlink()
    _install(environment)
    environment.stamp.write_text(_digest(environment.requirements), encoding="ascii")
    for fewer in range(1, len(environment.requirements)):
        part = Environment(environment.path, environment.requirements[:fewer])
        part.stamp.write_text(_digest(part.requirements), encoding="ascii")


def _make(path: Path) -> None:
    if path.exists() and not (path / "pyvenv.cfg").exists() and any(path.iterdir()):
        raise SetupRefused(f"{path} is in the way: it is not a virtual environment; move it away.")
    if importlib.util.find_spec("ensurepip") is None:
        name = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        _install_system_packages((SystemPackage(name, paths=()),))
        importlib.invalidate_caches()
        if importlib.util.find_spec("ensurepip") is None:
            raise SetupRefused(f"{sys.executable} has no ensurepip: install its package {name}.")
    say(f"making the virtual environment {path}")
    if path.exists():
        shutil.rmtree(path)
    made = subprocess.run(
        [sys.executable, "-I", "-m", "venv", str(path)], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        raise SetupRefused(f"venv failed: {(made.stdout + made.stderr).strip()[-500:]}")


def _install(environment: Environment) -> None:
    files = environment.requirements
    total = len({line.split("==")[0] for file in files for line in _pins(file)})
    names = " and ".join(file.name for file in files)
    say(f"installing the {total} packages of {names}, each by its hash")
    options = ["--require-hashes", "--disable-pip-version-check", "--progress-bar", "off"]
    listed = [word for file in files for word in ("-r", str(file))]
    command = [str(environment.python), "-I", "-m", "pip", "install", *options, *listed]
    tail: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/"
    ) as pip:
        assert pip.stdout is not None
        done = 0
        for line in pip.stdout:
            tail = [*tail[1 - OUTPUT_KEPT :], line]
            if line.startswith(("Collecting ", "Requirement already satisfied: ")):
                done += 1
                _show_progress(done, total, line)
            elif line.startswith("Installing collected"):
                say("  unpacking")
    if pip.returncode != 0:
        sys.stderr.write("".join(tail))
        raise SetupRefused("pip could not install the requirements; its last words are above.")


def _show_progress(done: int, total: int, line: str) -> None:
    if done % 10 == 0:
        name = line.removeprefix("Requirement already satisfied: ").removeprefix("Collecting ")
        say(f"  {min(done, total)} of {total}: {name.split('==')[0].strip()}")


def _pins(file: Path) -> list[str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if "==" in line and line[0].isalnum()]


def _digest(files: tuple[Path, ...]) -> str:
    contents = hashlib.sha256()
    for file in files:
        contents.update(file.read_bytes())
    return contents.hexdigest()


def _version(python: Path) -> tuple[int, int] | None:
    """Return the version of `python`, None where it does not run or has no pip to install with."""
    code = "import sys, pip; print(*sys.version_info[:2])"
    try:
        answer = subprocess.run(
            [str(python), "-I", "-c", code], capture_output=True, text=True, check=True
        )
        major, minor = answer.stdout.split()
    except (OSError, ValueError, subprocess.CalledProcessError):
        return None
    return int(major), int(minor)


def _install_system_packages(packages: tuple[SystemPackage, ...]) -> None:
    try:
        install_missing(packages, say=say)
    except PackagesMissing as missing:
        raise SetupRefused(str(missing)) from None


def _try_to_install(packages: tuple[SystemPackage, ...]) -> None:
    """Install `packages` one after the other; what is missing then is said where it is needed."""
    for package in packages:
        try:
            install_missing((package,), say=say)
        except PackagesMissing as missing:
            say(f"going on without {package.name}: {missing}")


@contextlib.contextmanager
def _only_one(checkout: Path) -> Iterator[None]:
    """Hold the checkout's lock, so that two commands never install at the same time (flock(2))."""
    descriptor = os.open(checkout, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another command that is setting up this checkout")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def say(text: str) -> None:
    """Tell the user about a step of the set-up, on standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
