"""From a request to a running payload: ours next to crun, runc, Docker and podman, in turns.

`python -m benchmarks.start --rounds 30 --out FILE`, as root.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.docker_api import DockerApi
from benchmarks.moorage import Own, over_rest, private_engine
from benchmarks.runtimes import OciRuntime, Starter, bundle
from benchmarks.samples import Case, report, round_robin, table
from tests.e2e.conftest import a_platform
from tests.e2e.fleet import Fleet

REFERENCE = "crun run"


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and keep the raw samples where asked to."""
    options = _parser().parse_args(arguments)
    with ExitStack() as opened:
        own = opened.enter_context(private_engine())
        cases = [
            Case("Engine: start", own.start),
            Case("Engine: create + start", own.create_and_start),
            Case("zygote only", own.zygote),
            *_runtimes(opened, own),
        ]
        for name, engine in DockerApi.answering().items():
            engine.load(own.rootfs)
            cases.append(Case(f"{name} API: create to running", engine.once))
        if not options.no_rest:
            cases.append(_rest(opened))
        round_robin(cases, options.rounds)
    sys.stdout.write(table(cases, REFERENCE) + "\n")
    if options.out:
        Path(options.out).write_text(json.dumps(report(cases), indent=1))
    return 0


def _runtimes(opened: ExitStack, own: Own) -> list[Case]:
    programs = [name for name in ("crun", "runc") if OciRuntime.installed(name)]
    if "runc" not in programs:
        return []
    scratch = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="mo-bench-")))
    # Their user namespace has to reach it; the engine's own directory is closed to everybody.
    scratch.chmod(0o711)
    shutil.copytree(own.rootfs, scratch / "rootfs", symlinks=True)
    made = bundle(scratch / "bundle", str(scratch / "rootfs"))
    starter = opened.enter_context(Starter())
    return [
        Case(f"{name} run", OciRuntime(name, made, scratch / name, starter).once)
        for name in programs
    ]


def _rest(opened: ExitStack) -> Case:
    platform = opened.enter_context(a_platform())
    platform.until(platform.healthy)
    Fleet(platform).load()
    return Case("REST: create to running", lambda: over_rest(platform))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=30, help="of each case (default %(default)s)")
    parser.add_argument("--out", default="", help="file for the raw samples, JSON")
    parser.add_argument("--no-rest", action="store_true", help="leave out the whole platform")
    return parser


if __name__ == "__main__":
    sys.exit(main())
