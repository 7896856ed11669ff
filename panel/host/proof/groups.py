"""What there is to run, in order, each group cheaper than the next. Pure."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

MINUTE_SECONDS = 60
TYPED = ("runtime", "panel", "tests", "benchmarks", "manage.py")
"""What mypy looks at, strictly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Commands that are run one after the other; a pytest group is counted test by test.

    `limit_seconds` is when it is ended as hanging.
    """

    name: str
    commands: tuple[tuple[str, ...], ...]
    pytest: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)
    limit_seconds: float = 15 * MINUTE_SECONDS


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
            self._pytest("panel on SQLite", "tests/panel"),
            # What a browser shows does not depend on the database.
            self._pytest(
                "panel on PostgreSQL",
                "--ignore-glob=*browser*",
                "tests/panel",
                environment=on_postgres,
            ),
            self._pytest("kernel", "tests/kernel"),
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

    def _pytest(
        self, name: str, *paths: str, environment: Mapping[str, str] | None = None
    ) -> Group:
        options = ["-q", "--seed", str(self.seed), "--strict-skips", "--leak-guard"]
        if self.long:
            options.append("--long")
        return Group(
            name=name,
            commands=((sys.executable, "-m", "pytest", *options, *paths),),
            environment={"MOORAGE_TEST_POSTGRES": self.postgres_url, **(environment or {})},
            limit_seconds=(120 if self.long else 15) * MINUTE_SECONDS,
        )

    def _has_tests(self, group: Group) -> bool:
        return any((self.checkout / group.commands[0][-1]).rglob("test_*.py"))
