"""Sleeping for changes, also where the kernel gives no more inotify queues or watches."""

from __future__ import annotations

import errno
import threading
import time
from pathlib import Path

import pytest

from runtime.errors import KernelRefused
from runtime.kernel import inotify
from runtime.state import spool, watches


def refuse(name: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> int:
        raise KernelRefused(f"inotify_{name}", number)

    monkeypatch.setattr(inotify, name, refused)


def test_a_change_wakes(tmp_path: Path) -> None:
    with watches.watch(str(tmp_path), watches.CREATE) as watched:
        assert not watched.wait(0)
        (tmp_path / "new").touch()
        assert watched.wait(5)
        assert not watched.wait(0)


@pytest.mark.parametrize(
    ("name", "number"),
    [("open_queue", errno.EMFILE), ("open_queue", errno.ENFILE), ("add_watch", errno.ENOSPC)],
)
def test_without_a_queue_or_a_watch_sleepers_look_again_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: int
) -> None:
    refuse(name, number, monkeypatch)
    monkeypatch.setattr(watches, "POLL_SECONDS", 0.05)
    with watches.watch(str(tmp_path), watches.CREATE) as watched:
        watched.add(str(tmp_path), watches.MOVED_TO)
        began = time.monotonic()
        assert watched.wait(30)

    assert time.monotonic() - began < 5


def test_the_spool_is_waited_for_without_a_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse("open_queue", errno.EMFILE, monkeypatch)
    assert not spool.wait(str(tmp_path), 0.1)
    later = threading.Timer(0.1, (tmp_path / "1-a-1.json").touch)
    later.start()

    assert spool.wait(str(tmp_path), 20)
    later.join()


def test_what_is_not_there_is_still_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(KernelRefused, match="ENOENT"),
        watches.watch(str(tmp_path / "none"), watches.CREATE),
    ):
        pass
