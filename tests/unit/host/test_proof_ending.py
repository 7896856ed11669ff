"""A run of all tests that is told to end takes down what it has started."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
RUN = """
import signal, sys
from pathlib import Path
from panel.host.proof import run
from panel.host.proof.groups import Group

signal.signal(signal.SIGINT, signal.SIG_IGN)
run._end_when_asked()
script = '''
import sys, time
try:
    print("begun", flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    print("torn down", flush=True)
'''
group = Group(name="a group", commands=((sys.executable, "-c", script),), pytest=False)
run._run_group(group, Path(sys.argv[1]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_told_to_end_lets_its_group_take_things_down(
    number: signal.Signals, tmp_path: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", RUN, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        while run.stdout.readline() != "begun\n":
            assert run.poll() is None
        run.send_signal(number)
        rest = run.stdout.read()

    assert "torn down" in rest
    assert run.returncode != 0
