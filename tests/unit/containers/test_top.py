"""What processes say of themselves is read as it is meant, and told so that it harms nobody."""

from __future__ import annotations

import pytest

from runtime.containers.top import Clock, harmless, is_in, parse
from runtime.usage import COMMAND_LENGTH

CLOCK = Clock(booted_ns=1_000_000_000_000, tick_ns=10_000_000, page_bytes=4096)
STAT = (
    b"20639 (a) b (c)\n) S 20615 20615 4453 0 -1 4194304 99 0 0 0 30 12 0 0 20 0 3 0 93653 3133440"
    b" 382 18446744073709551615 94677689524224 94677689544105 140733712735408 0 0 0 0 0 0 0 0 0 17"
    b" 0 0 0 0 0 0 94677689560112 94677689561728 94678472601600 140733712738832 140733712738852\n"
)
STATUS = """Name:\ta) b (c)\\n
State:\tS (sleeping)
Tgid:\t20639
PPid:\t20615
Uid:\t300000033\t300000033\t300000033\t300000033
NSpid:\t20639\t7
Threads:\t3
"""


def test_a_process_is_told_with_both_its_numbers() -> None:
    process = parse(STAT, STATUS, b"nginx:\0-g\0daemon off;\0", CLOCK)

    assert (process.pid, process.host_pid, process.host_parent) == (7, 20639, 20615)
    assert (process.host_uid, process.state, process.threads) == (300_000_033, "S", 3)
    assert process.cpu_ns == 420_000_000
    assert process.rss_bytes == 382 * 4096
    assert process.started_ns == 1_000_000_000_000 + 936_530_000_000
    assert process.command == "nginx: -g daemon off;"


def test_without_a_command_line_its_name_stands_in_brackets() -> None:
    assert parse(STAT, STATUS, b"", CLOCK).command == r"[a) b (c)\n]"


def test_a_process_of_a_nested_namespace_has_the_number_that_the_container_sees() -> None:
    nested = STATUS.replace("20639\t7", "20639\t7\t1")

    assert parse(STAT, nested, b"x", CLOCK).pid == 7


def test_a_process_outside_of_any_namespace_has_no_number_inside() -> None:
    assert parse(STAT, STATUS.replace("20639\t7", "20639"), b"x", CLOCK).pid is None


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"rm -rf /\r\x1b[2Jls", r"rm -rf /\r\x1b[2Jls"),
        (b"a\nb\tc", r"a\nb\tc"),
        ("a\u202eb\u2028".encode(), r"a\u202eb\u2028"),
        (b"\xff\xfe", r"\xff\xfe"),
        ("Grüße 港".encode(), "Grüße 港"),
    ],
)
def test_what_could_do_something_to_a_reader_is_told_as_escapes(said: bytes, told: str) -> None:
    assert harmless(said) == told


@pytest.mark.parametrize("said", [b"x" * (COMMAND_LENGTH + 1), b"\x01" * COMMAND_LENGTH])
def test_too_much_is_cut(said: bytes) -> None:
    told = harmless(said)

    assert len(told) == COMMAND_LENGTH
    assert told.endswith("…")


def test_membership_is_of_the_group_itself_and_what_is_below_it() -> None:
    group = "moorage.slice/feedbeef/abc"

    assert is_in(group, "4:memory:/moorage.slice/feedbeef/abc\n0::/\n")
    assert is_in(group, "0::/outer/moorage.slice/feedbeef/abc/inner\n")
    assert not is_in(group, "4:memory:/moorage.slice/feedbeef/abcd\n0::/\n")
    assert not is_in(group, "0::/user.slice\n")
