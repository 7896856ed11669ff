"""Runs the groups one after the other, with what they need, and adds them up."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from panel.host.bootstrap import CHECKOUT
from panel.host.proof.counts import Counts, of_command, of_report
from panel.host.proof.groups import Group, Plan
from panel.host.proof.postgres import private_server

NOT_PASSED_ON = (
    "ALLOWED_HOSTS",
    "DATABASE_URL",
    "DATA_ROOT",
    "DJANGO_SETTINGS_MODULE",
    "NODE_NAME",
    "REDIS_URL",
    "RUN_ROOT",
    "SECRET_KEY",
)
"""Variables that would lead the tests to a platform that is not theirs."""
TEARDOWN_SECONDS = 120
TIMED_OUT = 124


def prove(paths: Sequence[str], *, long: bool, seed: int | None) -> int:
    """Run the tests; return 0 if all passed. The last line printed has the counts alone."""
    _end_when_asked()
    chosen = seed if seed is not None else secrets.randbelow(2**32)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="proof-") as scratch:
        guard = Path(scratch, "before.json")
        _leak_guard("before", guard)
        with private_server() as url:
            plan = Plan(
                checkout=CHECKOUT, seed=chosen, long=long, postgres_url=url, paths=tuple(paths)
            )
            turns = plan.turns()
            count = sum(map(len, turns))
            _say(f"{count} groups, seed {chosen}: `manage.py test --seed {chosen}` repeats it")
            results: dict[str, Counts] = {}
            for turn in turns:
                results |= _run_turn(turn, Path(scratch))
        results["nothing is left behind"] = of_command(_leak_guard("after", guard))
    _say(f"seed {chosen}, {(time.monotonic() - began) / 60:.1f} minutes in all")
    for name, counts in results.items():
        _say(f"  {name}: {counts}")
    total = sum(results.values(), Counts())
    sys.stdout.write(f"{total}\n")
    sys.stdout.flush()
    return 0 if total.failed == 0 and total.passed > 0 else 1


def _end_when_asked() -> None:
    """Let SIGTERM and SIGHUP end a run as Ctrl-C does: all that was started is taken down.

    SIGINT gets its handler back, too: who starts a job in the background has it ignored, and then
    this process and all that it starts would be (signal(7), execve(2)).
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


def _run_turn(turn: tuple[Group, ...], scratch: Path) -> dict[str, Counts]:
    if len(turn) == 1:
        return {turn[0].name: _run_group(turn[0], scratch)}
    _say(" and ".join(group.name for group in turn))
    began = time.monotonic()
    with contextlib.ExitStack() as running:
        beside = [(group, running.enter_context(_beside(group, scratch))) for group in turn]
        told = {group.name: finish() for group, finish in beside}
    _say(f"{time.monotonic() - began:.0f} s")
    return told


@contextlib.contextmanager
def _beside(group: Group, scratch: Path) -> Iterator[Callable[[], Counts]]:
    """Run a group of one command; what the context gives waits for it and shows its output."""
    words, report = _with_report(group.commands[0], group, scratch, 0)
    with tempfile.TemporaryFile() as output, _running(words, group, output) as process:

        def finish() -> Counts:
            status = _wait(process, group)
            output.seek(0)
            sys.stdout.write(output.read().decode(errors="replace"))
            counts = of_report(report, status)
            _say(f"{group.name}: {counts}")
            return counts

        yield finish


def _run_group(group: Group, scratch: Path) -> Counts:
    _say(f"{group.name}")
    began = time.monotonic()
    counts = Counts()
    for number, command in enumerate(group.commands):
        words, report = _with_report(command, group, scratch, number)
        if not group.pytest:
            _say(f"  {' '.join([Path(command[0]).name, *command[1:]])}")
        with _running(words, group) as process:
            status = _wait(process, group)
        counts += of_report(report, status) if group.pytest else of_command(status)
    _say(f"{group.name}: {counts}, {time.monotonic() - began:.0f} s")
    return counts


def _with_report(
    command: tuple[str, ...], group: Group, scratch: Path, number: int
) -> tuple[list[str], Path]:
    """Return the words of a command, and where its report will be."""
    report = scratch / f"{group.name.replace(' ', '-')}-{number}.xml"
    return ([*command, f"--junit-xml={report}"] if group.pytest else list(command)), report


@contextlib.contextmanager
def _running(
    words: list[str], group: Group, output: IO[bytes] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    kept = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
    process = subprocess.Popen(
        words,
        cwd=CHECKOUT,
        env={**kept, **group.environment},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        # Ctrl-C ends up here, and whatever else ends a run.
        if process.poll() is None:
            _end(process)


def _wait(process: subprocess.Popen[bytes], group: Group) -> int:
    try:
        return process.wait(group.limit_seconds)
    except subprocess.TimeoutExpired:
        _say(f"{group.name} took more than {group.limit_seconds / 60:.0f} minutes; it is ended")
        return TIMED_OUT


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let pytest take down what its fixtures have set up, then end what is left of its session."""
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(TEARDOWN_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _leak_guard(moment: str, file: Path) -> int:
    return subprocess.run(
        [sys.executable, "-m", "tests.leak_guard", moment, str(file)], cwd=CHECKOUT, check=False
    ).returncode


def _say(text: str) -> None:
    sys.stdout.write(f"── {text}\n")
    sys.stdout.flush()
