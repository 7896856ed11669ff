"""Boot the guest, run pytest in it, write the report; 0 if all passed."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import tempfile
from pathlib import Path
from xml.sax.saxutils import quoteattr

from panel.host.bootstrap import CHECKOUT, EMULATING
from tests.conftest import DECLARED_SKIPS, is_declared
from tests.guest.kernel import Kernel, NoGuest, kernel
from tests.guest.machine import GuestFailed, Machine
from tests.guest.ramdisk import Work, build

BUSYBOX = Path("/bin/busybox")
PLUGINS = ("pytest_asyncio.plugin",)
"""What pyproject.toml has options of; each further one costs the guest a second."""
SECONDS = 300.0
REFUSED = 1
SKIPPED = """<testsuites>
<testsuite name="guest" errors="0" failures="{failures}" skipped="{skips}" tests="1">
<testcase classname="tests.guest" name="boot"><skipped message={reason}/></testcase>
</testsuite>
</testsuites>
"""


def main(arguments: list[str]) -> int:
    """Run what was asked for; every way out leaves nothing on this machine but the report."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.guest", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--junit-xml", type=Path, required=True, metavar="FILE")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="when it counts as hanging")
    options, passed_on = parser.parse_known_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(REFUSED))
    try:
        booted = prepare()
    except NoGuest as reason:
        return skip(options.junit_xml, f"no qemu guest can be installed: {reason}")
    with tempfile.TemporaryDirectory(prefix="guest-", dir=options.junit_xml.parent) as place:
        ramdisk = build(
            work(passed_on),
            busybox=BUSYBOX.read_bytes(),
            modules=[(path.name, path.read_bytes()) for path in booted.modules],
        )
        try:
            report = Machine(Path(place), booted, ramdisk).run(seconds=options.seconds, show=show)
        except GuestFailed as failed:
            print(failed)
            return REFUSED
    options.junit_xml.write_bytes(report.xml)
    return report.status


def prepare() -> Kernel:
    """Return the guest's kernel. Raises NoGuest where anything that a guest needs is missing."""
    if platform.machine() != "x86_64":
        raise NoGuest(f"this machine is an {platform.machine()}, and only x86_64 is emulated")
    missing = [package.name for package in EMULATING if not package.is_there()]
    if missing:
        raise NoGuest(f"{', '.join(missing)}: missing")
    return kernel()


def work(passed_on: list[str]) -> Work:
    """Return how pytest runs in the guest: as here, with fewer plugins."""
    plugins = [word for plugin in PLUGINS for word in ("-p", plugin)]
    return Work(
        command=(
            sys.executable, "-m", "pytest", *plugins, "--junit-xml=/run/guest/report.xml",
            *passed_on,
        ),
        environment={
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        directory=str(CHECKOUT),
        shown=(str(CHECKOUT), os.path.realpath(sys.prefix), sys.base_prefix),
    )  # fmt: skip


def skip(report: Path, reason: str) -> int:
    """Report one skip; it fails if it is not declared."""
    declared = is_declared("tests/guest", reason, DECLARED_SKIPS.read_text())
    print(f"{'skipped' if declared else 'undeclared skip'}: {reason}")
    counts = {"failures": int(not declared), "skips": int(declared)}
    report.write_text(SKIPPED.format(reason=quoteattr(reason), **counts))
    return int(not declared)


def show(printed: bytes) -> None:
    """Pass on what pytest says in the guest."""
    sys.stdout.buffer.write(printed)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
