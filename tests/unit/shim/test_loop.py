"""The event loop."""

from __future__ import annotations

import os
import time

from runtime.shim.loop import Loop


def test_a_descriptor_that_took_a_closed_one_s_number_is_not_called_for_it() -> None:
    loop = Loop()
    called: list[str] = []
    first, first_end = os.pipe()
    second, second_end = os.pipe()
    os.write(first_end, b"x")
    os.write(second_end, b"x")
    quiet, quiet_end = os.pipe()

    def replace(mine: int, other: int) -> None:
        called.append("replaced")
        loop.forget(mine)
        loop.forget(other)
        os.dup2(quiet, other)
        loop.watch(other, lambda: called.append("stale"))

    loop.watch(first, lambda: replace(first, second))
    loop.watch(second, lambda: replace(second, first))
    loop.after(0.05, loop.stop)
    loop.run()

    assert called == ["replaced"]
    for fd in (first, first_end, second, second_end, quiet, quiet_end):
        os.close(fd)


def test_timers_fire_in_time_and_cancelled_ones_do_not() -> None:
    loop = Loop()
    called: list[str] = []
    loop.cancel(loop.after(0.01, lambda: called.append("cancelled")))
    loop.after(0.02, lambda: called.append("fired"))
    loop.after(0.04, loop.stop)
    began = time.monotonic()
    loop.run()

    assert called == ["fired"]
    assert time.monotonic() - began >= 0.04
    loop.cancel(None)


def test_room_is_told_of_once_and_not_before_it_is_there() -> None:
    loop = Loop()
    called: list[str] = []
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    filled = 0
    while True:
        try:
            filled += os.write(writer, bytes(65_536))
        except BlockingIOError:
            break
    loop.await_room(writer, lambda: called.append("room"))
    loop.after(0.03, lambda: called.append("full"))
    loop.after(0.04, lambda: called.append(f"read {len(os.read(reader, filled)) == filled}"))
    loop.after(0.08, loop.stop)
    loop.run()

    assert called == ["full", "read True", "room"]
    for fd in (reader, writer):
        os.close(fd)


def test_what_is_ignored_does_not_call_not_even_at_its_end() -> None:
    loop = Loop()
    called: list[str] = []
    reader, writer = os.pipe()
    loop.watch(reader, lambda: called.append("readable"))
    loop.ignore(reader)
    loop.ignore(reader)
    os.close(writer)
    loop.after(0.03, loop.stop)
    loop.run()

    assert called == []
    loop.forget(reader)
    os.close(reader)


def test_whoever_awaits_room_hears_that_nobody_reads_any_more() -> None:
    loop = Loop()
    called: list[str] = []
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.write(writer, bytes(65_536))
    loop.await_room(writer, lambda: called.append("told"))
    loop.after(0.02, lambda: os.close(reader))
    loop.after(0.06, loop.stop)
    loop.run()

    assert called == ["told"]
    os.close(writer)
