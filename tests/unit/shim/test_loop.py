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
