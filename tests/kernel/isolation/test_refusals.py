"""What cannot be launched is refused with the field's name, and nothing of it stays."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runtime.abi import CALLS
from runtime.cgroups.layout import detect
from runtime.errors import InvalidSpec, KernelRefused, RuntimeFault
from runtime.kernel.seccomp import install_filter
from runtime.oci.bundle import Resources
from tests.kernel.lab import Lab, make_layer

pytestmark = pytest.mark.kernel


@contextmanager
def nothing_left(lab: Lab) -> Iterator[None]:
    before = _traces(lab)
    yield
    assert _traces(lab) == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def _traces(lab: Lab) -> tuple[object, ...]:
    groups = [
        entry
        for tree in detect().hierarchies
        if os.path.isdir(place := f"{tree.mount}/{lab.group}")
        for entry in os.scandir(place)
        if entry.is_dir()
    ]
    with open("/proc/self/mountinfo") as mounts:
        return mounts.read(), groups, len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (("nope",), "nope: no such file or directory"),
        (("/bin/nope",), "/bin/nope: no such file or directory"),
        (("/etc/passwd",), "/etc/passwd: permission denied"),
        (("/etc",), "/etc: permission denied"),
        (("/bin/sh/x",), "/bin/sh/x: not a directory"),
        (("/garbage",), "/garbage: exec format error"),
        (("/script",), "/script: no such file or directory"),
        (("/loop",), "/loop: too many levels of symbolic links"),
        (("/proc/self/exe",), "/proc/self/exe: too many levels of symbolic links"),
        (("/sneaky",), "/sneaky: too many levels of symbolic links"),
    ],
)
def test_a_command_that_cannot_be_executed_names_the_reason(
    lab: Lab, args: tuple[str, ...], reason: str
) -> None:
    _write_oddities(lab.layer)

    with nothing_left(lab), pytest.raises(InvalidSpec) as caught:
        lab.run(*args)

    assert (caught.value.field, caught.value.reason) == ("command", reason)


def _write_oddities(layer: Path) -> None:
    for name, content in (
        ("garbage", b"\1\2\3\4"),
        ("script", b"#!/no/such/interpreter\n"),
        ("sneaky", b"#!/proc/self/exe\n"),
    ):
        (layer / name).write_bytes(content)
        (layer / name).chmod(0o755)
    if not (layer / "loop").is_symlink():
        (layer / "loop").symlink_to("loop")


@pytest.mark.parametrize("user", ["bob", "0:nobody", "2147483648", "65536", "4294967296", "-1"])
def test_an_unknown_user_is_refused(lab: Lab, user: str) -> None:
    with nothing_left(lab), pytest.raises(InvalidSpec) as caught:
        lab.run("/bin/true", user=user)

    assert caught.value.field == "user"


@pytest.mark.parametrize("path", ["/bin/sh", "/proc/self/fd/3", "/proc/self/fd/9", "/proc/1/root"])
def test_a_working_directory_that_is_none_is_refused(lab: Lab, path: str) -> None:
    with nothing_left(lab), pytest.raises(RuntimeFault):
        lab.run("/bin/pwd", cwd=path)


def test_a_working_directory_in_the_tree_of_the_host_is_never_reached(lab: Lab) -> None:
    (lab.layer / "out").symlink_to("/proc/self/fd/5")
    for number in range(3, 40):
        with pytest.raises(RuntimeFault):
            lab.run("/bin/ls", cwd=f"/proc/self/fd/{number}")
    with pytest.raises(RuntimeFault):
        lab.run("/bin/ls", cwd="/out")


@pytest.mark.parametrize("name", ["dev", "proc", "sys"])
@pytest.mark.parametrize("target", ["{victim}", "../../../../../../../{victim}", "/tmp"])
def test_a_link_in_the_place_of_a_system_directory_leaves_the_host_unchanged(
    lab: Lab, tmp_path: Path, name: str, target: str
) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "file").write_text("untouched")
    layer = make_layer(tmp_path / "layer")
    (layer / name).symlink_to(target.format(victim=victim))

    with nothing_left(lab), pytest.raises(InvalidSpec) as caught:
        lab.run("/bin/true", lower=(str(layer),))

    assert (caught.value.field, caught.value.reason) == ("image", f"/{name} is not a directory")
    assert [entry.name for entry in victim.iterdir()] == ["file"]
    assert (victim / "file").read_text() == "untouched"


def test_a_passwd_that_is_a_fifo_does_not_hang(lab: Lab, tmp_path: Path) -> None:
    layer = make_layer(tmp_path / "layer")
    (layer / "etc/passwd").unlink()
    os.mkfifo(layer / "etc/passwd")

    with nothing_left(lab), pytest.raises(InvalidSpec) as caught:
        lab.run("/bin/true", lower=(str(layer),))

    assert caught.value.field == "image"


def test_a_passwd_that_links_out_is_read_inside_only(lab: Lab, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("spy:x:4242:4242::/:/bin/sh\n")
    layer = make_layer(tmp_path / "layer")
    (layer / "etc/passwd").unlink()
    (layer / "etc/passwd").symlink_to(secret)

    with pytest.raises(InvalidSpec):
        lab.run("/bin/id", lower=(str(layer),), user="spy")


def test_a_missing_layer_is_told_by_its_path(lab: Lab) -> None:
    with nothing_left(lab), pytest.raises(KernelRefused, match="/nowhere"):
        lab.run("/bin/true", lower=("/nowhere",))


def test_a_container_needs_less_than_the_smallest_memory_limit_to_start(lab: Lab) -> None:
    smallest = Resources(pids=10, memory_bytes=6 * 1024 * 1024)

    assert lab.run("/bin/echo", "fits", resources=smallest) == (0, "fits\n")


def test_the_interpreter_of_the_engine_cannot_be_reached_through_proc(lab: Lab) -> None:
    """CVE-2019-5736: a container that waits for processes of the engine to overwrite."""
    executable = os.path.realpath(sys.executable)
    before = hashlib.sha256(Path(executable).read_bytes()).hexdigest()
    script = "while :; do for p in /proc/[0-9]*; do echo x 2>/dev/null > $p/exe; done; done"

    with lab.box("/bin/sh", "-c", script) as box:
        for _ in range(20):
            assert box.join("/bin/true")[0] == 0

    assert hashlib.sha256(Path(executable).read_bytes()).hexdigest() == before


_STEPS = (
    "fsopen", "fsconfig", "fsmount", "move_mount", "open_tree", "mount_setattr", "pivot_root",
    "umount2", "sethostname", "setns", "unshare", "openat2", "capset", "seccomp", "close_range",
    "prctl", "clone3",
)  # fmt: skip
_PLAIN_STEPS = {
    "mknodat": 259, "symlinkat": 266, "mkdirat": 258, "fchownat": 260, "fchdir": 81,
    "setgroups": 116, "setresgid": 119, "setresuid": 117, "execve": 59, "prlimit64": 302,
    "fchown": 93, "dup2": 33,
}  # fmt: skip


@pytest.mark.parametrize("step", [*_STEPS, *_PLAIN_STEPS])
def test_if_the_kernel_refuses_a_step_nothing_is_left(lab: Lab, step: str) -> None:
    number = CALLS["x86_64"].get(step) or _PLAIN_STEPS[step]
    bundle = lab.bundle("/bin/true")

    def attempt() -> str:
        _refuse(number)
        try:
            with nothing_left(lab):
                lab.launch(bundle)
        except RuntimeFault as fault:
            return f"refused {fault}"
        return "launched"

    told = _in_a_child(attempt)

    assert told.startswith("refused "), told
    assert "EPERM" in told or "not permitted" in told, told


def test_a_refused_limit_is_told_by_its_call(lab: Lab) -> None:
    bundle = lab.bundle("/bin/true")

    def attempt() -> str:
        _refuse(_PLAIN_STEPS["prlimit64"], with_third=True)  # it may be asked, not set
        try:
            lab.launch(bundle)
        except KernelRefused as refused:
            return f"{refused.call} {refused.errno}"
        return "launched"

    assert _in_a_child(attempt) == "prlimit64 1"


def _refuse(
    number: int, *, errno: int = 1, second: int | None = None, with_third: bool = False
) -> None:
    """Let the kernel answer an error to one system call of this process and its children.

    With `second`, only where the second argument is that; `with_third`, where the third is not 0.
    """
    program = [(0x20, 0, 0, 0), (0x15, 0, 3 if second is not None or with_third else 1, number)]
    if second is not None:
        program += [(0x20, 0, 0, 24), (0x15, 0, 1, second)]
    elif with_third:
        program += [(0x20, 0, 0, 32), (0x15, 1, 0, 0)]
    program += [(0x06, 0, 0, 0x50000 | errno), (0x06, 0, 0, 0x7FFF0000)]
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
    install_filter(b"".join(struct.pack("<HBBI", *line) for line in program))


def test_a_kernel_that_takes_layers_by_path_only_runs_containers_too(
    lab: Lab, tmp_path: Path
) -> None:
    """Before Linux 6.15: fsconfig(FSCONFIG_SET_FD) of a detached layer is EINVAL."""
    top = tmp_path / "top"
    top.mkdir()
    (top / "motd").write_text("from the top")
    script = "cat /motd; touch /made && stat -c %u /made"
    bundle = lab.bundle("/bin/sh", "-c", script, lower=(str(top), str(lab.layer)))

    def attempt() -> str:
        _refuse(CALLS["x86_64"]["fsconfig"], errno=22, second=5)
        box = lab.launch(bundle)
        _, text = lab.finish(box)
        box.close()
        return text

    told = _in_a_child(attempt)

    assert told == "from the top0\n"


@pytest.mark.parametrize(
    ("number", "expected"),
    [(88, "127"), (128, "127"), (129, "refused image: has 129 layers: this kernel takes 128")],
)
def test_such_a_kernel_takes_128_layers(
    lab: Lab, tmp_path: Path, number: int, expected: str
) -> None:
    layers = [tmp_path / str(each) for each in range(number - 1)]
    for each, layer in enumerate(layers):
        layer.mkdir()
        (layer / f"of{each}").touch()
    layers[-1].joinpath("motd").write_text("127")
    lower = (*(str(layer) for layer in layers), str(lab.layer))
    bundle = lab.bundle("/bin/cat", "/motd", lower=lower)

    def attempt() -> str:
        _refuse(CALLS["x86_64"]["fsconfig"], errno=22, second=5)
        try:
            box = lab.launch(bundle)
        except InvalidSpec as wrong:
            return f"refused {wrong}"
        _, text = lab.finish(box)
        box.close()
        return text

    assert _in_a_child(attempt).startswith(expected)


def _in_a_child(attempt: Callable[[], str]) -> str:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, attempt().encode())
        except BaseException as unexpected:
            os.write(writer, f"unexpected {unexpected!r}".encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        text = told.read()
    os.waitpid(child, 0)
    return text


def test_a_directory_of_a_layer_may_be_gone_after_a_failure(lab: Lab, tmp_path: Path) -> None:
    """Nothing holds on to the layers once the launch has failed."""
    layer = make_layer(tmp_path / "layer")
    with pytest.raises(InvalidSpec):
        lab.run("/nope", lower=(str(layer),))

    shutil.rmtree(layer)
    assert not layer.exists()
