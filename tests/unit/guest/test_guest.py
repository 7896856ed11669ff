"""Setting the emulated guest up, and believing it only when it has finished its report."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.guest import __main__ as command
from tests.guest.kernel import Kernel, keep
from tests.guest.machine import GuestFailed, Machine, Report, parse
from tests.guest.ramdisk import Work, build, covered, script

WORK = Work(command=("echo", "it's"), environment={"B": "2", "A": "a b"}, directory="/srv/my tree")


def test_a_report_counts_when_its_last_line_has_come() -> None:
    whole = b"exit 1\n<testsuites/>\nend\n"

    assert parse(whole) == Report(1, b"<testsuites/>")
    for length in range(len(whole)):
        assert parse(whole[:length]) is None


def test_the_command_is_quoted_for_the_shell() -> None:
    lines = script(WORK).splitlines()

    assert lines[1] == "cd '/srv/my tree' || exit"
    assert lines[2].startswith("""env -i 'A=a b' B=2 echo 'it'"'"'s' > /run/guest/output""")


def test_what_the_guest_would_cover_is_shown_over_it() -> None:
    paths = ("/tmp/clone", "/srv/clone", "/var/tmp/x", "/tmpfs", "/run", "/tmp/clone")

    assert covered(paths) == ["/run", "/tmp/clone", "/var/tmp/x"]


def test_the_archive_is_one_that_cpio_reads(tmp_path: Path) -> None:
    content = build(WORK, busybox=b"program", modules=[("00-one.ko", b"odd"), ("01-two.ko", b"")])

    subprocess.run(
        ["busybox", "cpio", "-i", "-d", "bin/*", "modules/*", "work", "shown"],
        input=content, cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip

    assert (tmp_path / "bin/busybox").read_bytes() == b"program"
    assert (tmp_path / "bin/busybox").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "modules/order").read_text() == "00-one.ko\n01-two.ko\n"
    assert (tmp_path / "modules/00-one.ko").read_bytes() == b"odd"
    assert (tmp_path / "work").read_text() == script(WORK)
    assert (tmp_path / "shown").read_text() == ""


def test_modules_load_after_those_they_need(tmp_path: Path) -> None:
    unpacked, kept = tmp_path / "unpacked", tmp_path / "kept"
    for name, depends in (("virtio_pci", "virtio-ring"), ("virtio-ring", ""), ("unused", "")):
        path = unpacked / f"lib/modules/6.1/{name}.ko"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x\0license=GPL\0depends=" + depends.encode() + b"\0retpoline=Y\0")
    (unpacked / "boot").mkdir()
    (unpacked / "boot/vmlinuz-6.1").write_bytes(b"kernel")
    kept.mkdir()

    keep(unpacked, kept)

    assert sorted(path.name for path in kept.iterdir()) == [
        "00-virtio_ring.ko", "01-virtio_pci.ko", "vmlinuz",
    ]  # fmt: skip


class Played(Machine):
    """A guest that a shell script plays."""

    def __init__(self, directory: Path, played: str) -> None:
        super().__init__(directory, Kernel(directory / "vmlinuz", ()), b"")
        self._played = played

    def _make_disk(self) -> None:
        """Needs none."""

    def _server(self, number: int) -> list[str]:
        return ["sleep", "60"]

    def _emulator(self, files: str) -> list[str]:
        return ["sh", "-c", f"cd {self._place}; {self._played}"]


def test_what_the_guest_says_is_shown_and_its_report_returned(tmp_path: Path) -> None:
    said: list[bytes] = []
    played = "echo .. > output; printf 'exit 0\\n<x/>\\nend\\n' > results; sleep 60"

    report = Played(tmp_path, played).run(seconds=20, show=said.append)

    assert report == Report(0, b"<x/>")
    assert b"".join(said) == b"..\n"


@pytest.mark.parametrize(
    ("played", "how"),
    [("echo panic > console", "ended"), ("echo panic > console; sleep 60", "hung")],
)
def test_a_guest_without_a_report_fails_with_its_last_words(
    tmp_path: Path, played: str, how: str
) -> None:
    with pytest.raises(GuestFailed, match=rf"the guest {how}.*\n(.*\n)*console: panic"):
        Played(tmp_path, played).run(seconds=0.3, show=lambda _: None)


def test_what_cannot_be_installed_is_a_declared_skip(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"

    assert command.skip(report, "no qemu guest can be installed: qemu is missing") == 0
    assert 'skipped="1"' in report.read_text()
    assert command.skip(report, "something else") == 1
    assert 'failures="1"' in report.read_text()
    assert sys.executable in command.work([]).command
