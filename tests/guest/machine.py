"""The emulated machine: qemu, and the server of this machine's files, for as long as it is watched.

Emulation in software, since a virtual machine that tests run in can rarely start others (KVM).
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.guest.kernel import Kernel

MEMORY = "1500M"
PROCESSORS = 2
DISK_BYTES = 4 << 30
"""Sparse: only what is written takes room."""
SERVERS = ("/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd")
CONSOLE_LINES = 60
PAUSE_SECONDS = 0.1
COMMAND_LINE = "console=ttyS0 quiet panic=-1 mitigations=off cgroup_no_v1=all"
"""A panic starts the guest anew at once; qemu is told to end instead, and that is seen."""


class GuestFailed(Exception):
    """The guest ended, or hung, before its report was whole; the message has its last words."""


@dataclass(frozen=True, slots=True)
class Report:
    """How the guest's command ended, and the JUnit report that it wrote."""

    status: int
    xml: bytes


class Machine:
    """What one guest has on this machine: a directory that its owner removes, and two processes."""

    def __init__(self, directory: Path, kernel: Kernel, ramdisk: bytes) -> None:
        self._place = directory
        self._kernel = kernel
        (directory / "ramdisk").write_bytes(ramdisk)

    def run(self, *, seconds: float, show: Callable[[bytes], None]) -> Report:
        """Boot, `show` what the command prints, and return its report.

        Raises GuestFailed when the guest ends without one, or has none after `seconds`. Nothing
        of it runs afterwards, whatever happens.
        """
        deadline = time.monotonic() + seconds
        shown = 0
        with self._booted() as emulator:
            while True:
                ended = emulator.poll() is not None
                printed = self._read("output")[shown:]
                shown += len(printed)
                if printed:
                    show(printed)
                report = parse(self._read("results"))
                if report is not None:
                    return report
                if ended or time.monotonic() > deadline:
                    how = "ended" if ended else f"hung: it was ended after {seconds:.0f} s,"
                    raise GuestFailed(f"the guest {how} without a report\n{self._last_words()}")
                time.sleep(PAUSE_SECONDS)

    @contextmanager
    def _booted(self) -> Iterator[subprocess.Popen[bytes]]:
        self._make_disk()
        with ExitStack() as ending:
            path = str(self._place / "files")
            listener = ending.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            listener.bind(path)
            listener.listen(1)
            number = listener.fileno()
            ending.enter_context(self._process("server", self._server(number), passed=(number,)))
            yield ending.enter_context(self._process("emulator", self._emulator(path)))

    @contextmanager
    def _process(
        self, name: str, words: list[str], *, passed: tuple[int, ...] = ()
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run a program until the end of the block, or of this process, however that ends."""
        with open(self._place / f"{name}.log", "wb") as log:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=passed,
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def _server(self, number: int) -> list[str]:
        # Given a path instead of a descriptor, it leaves a lock file in /run.
        program = next(path for path in SERVERS if os.path.exists(path))
        options = ("source=/", "cache=always", "sandbox=chroot")
        return [program, f"--fd={number}", *(word for one in options for word in ("-o", one))]

    def _emulator(self, files: str) -> list[str]:
        place = self._place
        words = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max"]
        words += ["-m", MEMORY, "-smp", str(PROCESSORS), "-display", "none", "-nodefaults"]
        words += ["-no-reboot", "-kernel", str(self._kernel.image)]
        words += ["-initrd", str(place / "ramdisk"), "-append", COMMAND_LINE]
        words += ["-chardev", f"file,id=console,path={place}/console", "-serial", "chardev:console"]
        # Virtio file systems need memory that their server sees, too.
        words += ["-object", f"memory-backend-memfd,id=memory,size={MEMORY},share=on"]
        words += ["-numa", "node,memdev=memory"]
        words += ["-chardev", f"socket,id=files,path={files}"]
        words += ["-device", "vhost-user-fs-pci,chardev=files,tag=host"]
        drive = f"file={place}/disk,format=raw,if=none,id=disk,cache=unsafe"
        words += ["-drive", drive, "-device", "virtio-blk-pci,drive=disk"]
        words += ["-device", "virtio-serial-pci"]
        for name in ("output", "results"):
            words += ["-chardev", f"file,id={name},path={place}/{name}"]
            words += ["-device", f"virtserialport,chardev={name},name={name}"]
        return words

    def _make_disk(self) -> None:
        disk = self._place / "disk"
        with open(disk, "wb") as file:
            os.truncate(file.fileno(), DISK_BYTES)
        features = ["-O", "^has_journal", "-E", "lazy_itable_init=1,nodiscard"]
        subprocess.run(
            ["mkfs.ext4", "-q", "-F", *features, str(disk)],
            check=True,
            env={"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"},
        )

    def _read(self, name: str) -> bytes:
        try:
            return (self._place / name).read_bytes()
        except FileNotFoundError:
            return b""

    def _last_words(self) -> str:
        told = []
        for name in ("server.log", "emulator.log", "console"):
            lines = self._read(name).decode(errors="replace").splitlines()[-CONSOLE_LINES:]
            told += [f"{name}: {line.rstrip()}" for line in lines]
        return "\n".join(told) or "it said nothing"


def parse(results: bytes) -> Report | None:
    """Return the report in what the guest has sent, None while it is not whole."""
    first, _, rest = results.partition(b"\n")
    xml, end, _ = rest.rpartition(b"\nend\n")
    if not end or not first.startswith(b"exit "):
        return None
    return Report(int(first.split()[1]), xml)
