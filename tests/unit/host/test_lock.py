"""Who serves a data root."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from panel.host.errors import HostRefused
from panel.host.identity import ProcessIdentity, boot_id
from panel.host.lock import ServingLock, ServingRecord, read_record
from panel.host.roots import Roots


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    return Roots(str(tmp_path), f"{tmp_path}/run")


def record(roots: Roots, pid: int | None = None) -> ServingRecord:
    return ServingRecord(
        supervisor=ProcessIdentity.of(pid or os.getpid()),
        boot=boot_id(),
        run_root=roots.run,
        url="http://127.0.0.1:8000",
        children={"web": ProcessIdentity.of(os.getpid())},
    )


def test_a_served_root_names_who_serves_it(roots: Roots) -> None:
    lock = ServingLock.take(roots)
    lock.write(record(roots))

    with pytest.raises(HostRefused, match=f"process {os.getpid()} at http://127.0.0.1:8000"):
        ServingLock.take(roots)
    lock.release()


def test_units_share_the_lock_and_keep_a_supervisor_out(roots: Roots) -> None:
    web, agent = ServingLock.take(roots, shared=True), ServingLock.take(roots, shared=True)

    with pytest.raises(HostRefused, match="systemd's units"):
        ServingLock.take(roots)
    web.release()
    agent.release()
    ServingLock.take(roots).release()


def test_the_record_is_read_back_whole_after_a_shorter_one(roots: Roots) -> None:
    lock = ServingLock.take(roots)
    long = record(roots)
    lock.write(long)
    short = replace(long, children={})

    lock.write(short)

    assert read_record(roots) == short
    lock.release()


def test_a_record_of_another_boot_is_of_nobody(roots: Roots) -> None:
    old = replace(record(roots), boot="another")

    assert not old.is_alive()
    assert old.living() == {}


def test_a_pid_that_was_given_to_another_process_is_not_the_one_meant() -> None:
    mine = ProcessIdentity.of(os.getpid())

    earlier = replace(mine, start=mine.start - 1)

    assert mine.is_alive()
    assert not earlier.is_alive()
    assert earlier.wait(0)


def test_a_zombie_is_not_alive() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    identity = ProcessIdentity.of_child(child.pid)

    assert not identity.is_alive()
    child.wait()


def test_nobody_ever_served_here(roots: Roots) -> None:
    assert read_record(roots) is None
