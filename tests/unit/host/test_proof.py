"""How the test command counts."""

from __future__ import annotations

from pathlib import Path

from panel.host.bootstrap import CHECKOUT
from panel.host.proof.counts import Counts, of_command, of_report
from panel.host.proof.groups import ON_CGROUP_2, Plan

REPORT = """<testsuites>
<testsuite name="pytest" errors="1" failures="2" skipped="3" tests="16"/>
</testsuites>"""


def plan(place: Path, *paths: str, long: bool = False) -> Plan:
    return Plan(checkout=place, seed=7, long=long, postgres_url="postgresql:///x", paths=paths)


def test_errors_count_as_failures(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)

    assert of_report(report, 1) == Counts(passed=10, failed=3, skipped=3)


def test_a_run_that_broke_off_without_a_failure_counts_as_one(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text('<testsuites><testsuite tests="5"/></testsuites>')

    assert of_report(report, 3) == Counts(passed=5, failed=1)
    assert of_report(tmp_path / "none.xml", 0) == Counts(failed=1)


def test_the_closing_line_has_all_three_counts() -> None:
    assert str(of_command(0) + of_command(1)) == "1 passed, 1 failed, 0 skipped"


def test_a_level_without_tests_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "tests/unit").mkdir(parents=True)
    (tmp_path / "tests/unit/test_one.py").touch()

    assert [group.name for group in plan(tmp_path).groups()] == ["lint", "unit"]


def test_the_panel_is_tested_on_both_databases(tmp_path: Path) -> None:
    (tmp_path / "tests/panel").mkdir(parents=True)
    (tmp_path / "tests/panel/test_one.py").touch()

    _, sqlite, postgres = plan(tmp_path).groups()

    assert "MOORAGE_TEST_DATABASE_URL" not in sqlite.environment
    assert postgres.environment["MOORAGE_TEST_DATABASE_URL"] == "postgresql:///x"


def test_the_panel_is_tested_on_both_databases_at_once_and_all_else_alone(tmp_path: Path) -> None:
    for level in ("unit", "panel", "kernel", "e2e"):
        (tmp_path / "tests" / level).mkdir(parents=True)
        (tmp_path / "tests" / level / "test_one.py").touch()
    turns = Plan(checkout=tmp_path, seed=1, long=False, postgres_url="postgresql://x").turns()

    together = [[group.name for group in turn] for turn in turns if len(turn) > 1]
    assert together == [["panel on SQLite", "panel on PostgreSQL"]]
    assert "kernel" in [turn[0].name for turn in turns]


def test_seed_and_full_counts_reach_pytest(tmp_path: Path) -> None:
    (chosen,) = plan(tmp_path, "tests/unit", long=True).groups()

    words = chosen.commands[0]

    assert words[words.index("--seed") + 1] == "7"
    assert "--long" in words


def test_the_kernel_is_tested_on_cgroup_v2_as_well_with_sampled_counts() -> None:
    groups = {group.name: group for group in plan(CHECKOUT, long=True).groups()}

    words = groups["kernel on cgroup v2"].commands[0]

    assert words[1:3] == ("-m", "tests.guest")
    assert words[words.index("--seed") + 1] == "7"
    assert "--long" not in words


def test_every_test_chosen_for_the_guest_is_there() -> None:
    for chosen in ON_CGROUP_2:
        path, _, name = chosen.partition("::")
        assert (CHECKOUT / path).exists(), chosen
        assert not name or f"def {name}(" in (CHECKOUT / path).read_text(), chosen
