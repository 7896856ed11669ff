from __future__ import annotations

import os
import select
import signal
import time
from pathlib import Path

import pytest

from runtime.abi import CALLS, IN_CLOSE_WRITE, IN_MOVED_TO
from runtime.errors import KernelRefused
from runtime.kernel import inotify, process
from runtime.kernel.libc import call
from runtime.kernel.parked import Parked


def test_a_child_is_named_by_pid_and_pidfd() -> None:
    pid, pidfd = process.clone3(0)
    if pid == 0:
        signal.pause()
        os._exit(1)

    process.pidfd_send_signal(pidfd, signal.SIGTERM)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGTERM
    assert not os.get_inheritable(pidfd)
    with pytest.raises(KernelRefused) as caught:
        process.pidfd_send_signal(pidfd, signal.SIGTERM)
    assert process.is_gone(caught.value)
    os.close(pidfd)


def test_an_exit_status_outlives_the_reaping_where_the_kernel_tells_it() -> None:
    pid, pidfd = process.clone3(0)
    if pid == 0:
        os._exit(42)
    status = os.waitpid(pid, 0)[1]

    assert process.pidfd_exit_status(pidfd) in (status, None)
    os.close(pidfd)


def test_a_running_process_has_no_exit_status() -> None:
    own = process.pidfd_open(os.getpid())

    assert process.pidfd_exit_status(own) is None
    os.close(own)


def test_a_parked_child_sleeps_through_signals_and_is_gone_afterwards() -> None:
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])

    with Parked(0) as parked:
        process.pidfd_send_signal(parked.pidfd, signal.SIGINT)
        time.sleep(0.02)
        assert os.waitpid(parked.pid, os.WNOHANG) == (0, 0)
        pid = parked.pid

    assert not os.path.exists(f"/proc/{pid}")
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == mask


def test_a_parked_child_that_nobody_ends_ends_by_itself() -> None:
    with Parked(0, seconds=1) as parked:
        ended, _, _ = select.select([parked.pidfd], [], [], 10)
        assert ended == [parked.pidfd]


def test_a_call_that_the_kernel_refuses_is_told_with_its_path() -> None:
    with pytest.raises(KernelRefused) as caught:
        call("openat2", -100, b"/nowhere", bytes(24), 24, path="/nowhere")

    assert str(caught.value) == "openat2 /nowhere: No such file or directory (ENOENT)"


def test_both_architectures_know_the_same_calls() -> None:
    x86_64, aarch64 = CALLS.values()

    assert set(x86_64) == set(aarch64)
    for numbers in (x86_64, aarch64):
        assert len(set(numbers.values())) == len(numbers)


def test_changes_of_a_directory_are_read_in_order(tmp_path: Path) -> None:
    queue = inotify.open_queue()
    watch = inotify.add_watch(queue, str(tmp_path), IN_CLOSE_WRITE | IN_MOVED_TO)
    assert inotify.read_changes(queue) == []

    (tmp_path / "one").write_text("x")
    (tmp_path / "one").rename(tmp_path / "two")

    changes = inotify.read_changes(queue)
    assert [(change.watch, change.mask, change.name) for change in changes] == [
        (watch, IN_CLOSE_WRITE, "one"),
        (watch, IN_MOVED_TO, "two"),
    ]
    inotify.remove_watch(queue, watch)
    os.close(queue)
