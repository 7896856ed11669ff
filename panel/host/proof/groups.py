"""What there is to run, in order, each group cheaper than the next. Pure."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

MINUTE_SECONDS = 60
TYPED = ("runtime", "panel", "tests", "benchmarks", "manage.py")
"""What mypy looks at, strictly."""

ON_CGROUP_2 = (
    "tests/kernel/cgroups",
    "tests/kernel/isolation/test_inside.py::test_the_cgroup_view_ends_at_the_container",
    "tests/kernel/isolation/test_joining.py::test_it_is_in_the_cgroup_of_the_container",
    "tests/kernel/isolation/test_joining.py::test_a_container_whose_processes_are_used_up_says_so",
    "tests/kernel/containers/test_running.py::test_hello_ends_exited_with_its_lines_in_the_log",
    "tests/kernel/containers/test_running.py::test_stop_gives_the_grace_and_then_kills",
    "tests/kernel/containers/test_running.py::test_exec_captures_both_streams_and_the_code",
    "tests/kernel/containers/test_running.py::test_a_memory_hog_is_oom_killed",
    "tests/kernel/containers/test_running.py::test_delete_needs_force_for_what_runs_and_leaves_nothing",
    "tests/kernel/containers/test_pausing.py::test_a_paused_container_prints_nothing_and_goes_on_where_it_was",
    "tests/kernel/containers/test_surviving.py::test_killing_a_shim_loses_neither_line_nor_code",
    "tests/kernel/containers/test_surviving.py::test_zygote_and_shim_both_killed_leave_a_record_that_is_repaired",
    "tests/kernel/containers/test_crashing.py::test_leftovers_of_one_instance_are_none_of_the_other_s",
    "tests/kernel/containers/test_updating.py::test_the_kernel_holds_new_limits_at_once",
    "tests/kernel/containers/test_updating.py::test_a_limit_is_taken_away",
    "tests/kernel/containers/test_updating.py::test_memory_in_use_is_not_taken_and_no_other_limit_changes",
    "tests/kernel/containers/test_looking.py::test_a_busy_container_uses_time_and_is_held_back",
    "tests/guest",
)
"""What runs in the emulated guest as well: whatever goes another way where there is no cgroup v1.

Emulated, a start of a container takes a third of a second: it proves behaviour, not speed.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Commands that are run one after the other; a pytest group is counted test by test.

    `limit_seconds` is when it is ended as hanging. One that is `light` keeps to a processor and
    looks at nothing but its own, so that it may run beside another light one.
    """

    name: str
    commands: tuple[tuple[str, ...], ...]
    pytest: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)
    limit_seconds: float = 15 * MINUTE_SECONDS
    light: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How the tests are run: `seed` for what is random, `long` for full counts."""

    checkout: Path
    seed: int
    long: bool
    postgres_url: str
    paths: Sequence[str] = ()

    def groups(self) -> list[Group]:
        """Return the groups, or one group for the paths that were asked for."""
        if self.paths:
            return [self._pytest("chosen", *self.paths)]
        on_postgres = {"MOORAGE_TEST_DATABASE_URL": self.postgres_url}
        wanted = [
            self._lint(),
            self._pytest("unit", "tests/unit"),
            self._pytest("architecture", "tests/architecture"),
            self._pytest("contract", "tests/contract"),
            self._pytest("panel on SQLite", "tests/panel", light=True),
            # What a browser shows does not depend on the database.
            self._pytest(
                "panel on PostgreSQL",
                "--ignore-glob=*browser*",
                "tests/panel",
                environment=on_postgres,
                light=True,
            ),
            self._pytest("kernel", "tests/kernel"),
            self._guest("kernel on cgroup v2", *ON_CGROUP_2),
            self._pytest("conformance", "tests/conformance"),
            self._pytest("e2e", "tests/e2e"),
        ]
        return [group for group in wanted if not group.pytest or self._has_tests(group)]

    def _lint(self) -> Group:
        tools = Path(sys.executable).parent
        typed = [name for name in TYPED if (self.checkout / name).exists()]
        return Group(
            name="lint",
            commands=(
                (f"{tools}/ruff", "check", "."),
                (f"{tools}/ruff", "format", "--check", "."),
                (f"{tools}/mypy", *typed),
                (f"{tools}/lint-imports",),
            ),
            pytest=False,
        )

    def turns(self) -> list[tuple[Group, ...]]:
        """Return the groups by turns: light ones that follow each other are run at once."""
        turns: list[tuple[Group, ...]] = []
        for group in self.groups():
            if turns and group.light and all(one.light for one in turns[-1]):
                turns[-1] = (*turns[-1], group)
            else:
                turns.append((group,))
        return turns

    def _pytest(
        self,
        name: str,
        *paths: str,
        environment: Mapping[str, str] | None = None,
        light: bool = False,
    ) -> Group:
        options = ["-q", "--seed", str(self.seed), "--strict-skips", "--leak-guard"]
        if self.long:
            options.append("--long")
        return Group(
            name=name,
            commands=((sys.executable, "-m", "pytest", *options, *paths),),
            environment={"MOORAGE_TEST_POSTGRES": self.postgres_url, **(environment or {})},
            limit_seconds=(120 if self.long else 15) * MINUTE_SECONDS,
            light=light,
        )

    def _guest(self, name: str, *paths: str) -> Group:
        """Return a group that runs emulated, always with sampled counts."""
        options = ["-q", "--seed", str(self.seed), "--strict-skips", "--leak-guard"]
        return Group(name=name, commands=((sys.executable, "-m", "tests.guest", *options, *paths),))

    def _has_tests(self, group: Group) -> bool:
        return any((self.checkout / group.commands[0][-1]).rglob("test_*.py"))
