"""What another project's tests told is counted as they told it."""

from __future__ import annotations

from tests.conformance.outside import Score, parse, report

OUTPUT = """1..5
ok 1 - one # 0.1s
not ok 2 - two words # 0.2s
ok 3 - three #SKIP no such thing here # 0.1s
# a word between
ok 4 - four
"""


def test_each_line_is_a_result_and_what_is_missing_has_not_passed() -> None:
    assert parse("test_x.py", OUTPUT) == {
        "test_x.py: one": "ok",
        "test_x.py: two words": "not ok",
        "test_x.py: three": "skip",
        "test_x.py: four": "ok",
        "test_x.py: (untold 1)": "not told",
    }


def test_a_file_that_tells_nothing_is_one_that_did_not_pass() -> None:
    assert parse("test_x.py", "Traceback\n") == {"test_x.py: (the file)": "not told"}


def test_the_page_names_each_failure_with_its_reason_and_how_others_fared() -> None:
    ours, theirs = Score(parse("x.py", OUTPUT)), Score({"x.py: two words": "ok"})
    page = report({"ours": ours, "crun": theirs}, {"x.py: two words": "the kernel"}, "a machine")

    assert "| ours | 2 | 1 | 1 | 1 |" in page
    assert "| `x.py: two words` | crun ok | the kernel |" in page
    assert "| `x.py: (untold 1)` | crun not told | not looked into yet |" in page
    assert "`x.py: one`" not in page
