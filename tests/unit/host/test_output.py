"""Lines of several processes on one terminal."""

from __future__ import annotations

import io

from panel.host.output import LONGEST_LINE, Output


def test_lines_of_two_processes_are_never_mixed() -> None:
    stream = io.BytesIO()
    output = Output(stream)

    output.write("web", b"one ")
    output.write("agent", b"whole\n")
    output.write("web", b"line\n")

    assert stream.getvalue() == b"agent    | whole\nweb      | one line\n"


def test_what_a_process_left_unfinished_is_shown_when_it_ends() -> None:
    stream = io.BytesIO()
    output = Output(stream)

    output.write("web", b"last words")
    output.end_line("web")

    assert stream.getvalue() == b"web      | last words\n"


def test_an_endless_line_is_cut_and_not_kept_in_memory() -> None:
    stream = io.BytesIO()
    output = Output(stream)

    output.write("web", b"x" * (LONGEST_LINE + 1))

    assert stream.getvalue() == b"web      | " + b"x" * (LONGEST_LINE + 1) + b"\n"


def test_a_terminal_that_went_away_does_not_end_the_platform() -> None:
    class Gone(io.BytesIO):
        def write(self, _: object) -> int:
            raise BrokenPipeError

    Output(Gone()).say("still here")
