"""The guest's kernel: Debian's own package, unpacked beside the virtual environment's packages."""

from __future__ import annotations

import lzma
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

NEWEST = "linux-image-cloud-amd64"
"""The package that depends on the newest kernel for virtual machines."""
MODULES = (
    "virtio_pci",
    "virtio_blk",
    "virtio_console",
    "virtiofs",
    "overlay",
    "crc32c_generic",  # ext4 asks for it by modprobe(8), which the guest does not have
    "ext4",  # for layers: tmpfs cannot be id-mapped before Linux 6.3
    "nf_tables",
)
CACHE = Path(sys.prefix, "guest-kernel")


class NoGuest(Exception):
    """The guest cannot be set up on this machine; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """An image to boot and the modules to load, in order."""

    image: Path
    modules: tuple[Path, ...]


def kernel() -> Kernel:
    """Return the kernel, fetched by apt if it is not there yet. Raises NoGuest."""
    if not CACHE.exists():
        _fetch(CACHE)
    return Kernel(CACHE / "vmlinuz", tuple(sorted(CACHE.glob("*.ko"))))


def _fetch(cache: Path) -> None:
    """Unpack the package, never installed: its scripts would change how this host boots."""
    with tempfile.TemporaryDirectory(prefix=".guest-kernel-", dir=cache.parent) as place:
        _run(place, "apt-get", "-q", "update")
        _run(place, "apt-get", "-q", "download", _newest(place))
        (package,) = Path(place).glob("*.deb")
        unpacked, kept = Path(place, "unpacked"), Path(place, "kept")
        _run(place, "dpkg-deb", "-x", str(package), str(unpacked))
        kept.mkdir()
        keep(unpacked, kept)
        os.rename(kept, cache)


def _newest(place: str) -> str:
    for line in _run(place, "apt-cache", "depends", NEWEST).splitlines():
        if (found := re.fullmatch(r"\s*Depends: (linux-image-[^ ]+)", line)) is not None:
            return found[1]
    raise NoGuest(f"{NEWEST} names no kernel")


def keep(unpacked: Path, kept: Path) -> None:
    """Copy the image, and the wanted modules numbered in the order in which they load."""
    (image,) = unpacked.glob("boot/vmlinuz-*")
    shutil.copy(image, kept / "vmlinuz")
    files = {_plain(path.name): path for path in unpacked.glob("**/*.ko*")}
    order: list[str] = []
    for name in MODULES:
        _add(name, files, order)
    for number, name in enumerate(order):
        (kept / f"{number:02}-{name}.ko").write_bytes(_content(files[name]))


def _add(name: str, files: dict[str, Path], order: list[str]) -> None:
    """Append a module after those it depends on; one without a file is built in."""
    if name in order or name not in files:
        return
    # modinfo(8): strings in the section .modinfo, each ended by a zero byte.
    depends = re.search(rb"\0depends=([^\0]*)\0", _content(files[name]))
    for other in depends[1].decode().split(",") if depends is not None else ():
        _add(_plain(other), files, order)
    order.append(name)


def _content(module: Path) -> bytes:
    content = module.read_bytes()
    return lzma.decompress(content) if module.suffix == ".xz" else content


def _plain(name: str) -> str:
    return name.split(".", maxsplit=1)[0].replace("-", "_")


def _run(place: str, *words: str) -> str:
    try:
        ran = subprocess.run(words, cwd=place, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise NoGuest(f"there is no {words[0]} here") from None
    if ran.returncode != 0:
        last = (ran.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise NoGuest(f"{' '.join(words)}: {last}")
    return ran.stdout
