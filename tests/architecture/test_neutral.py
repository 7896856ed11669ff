"""The tree speaks of the project only, and of no particular machine or registry."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture import tree

FORBIDDEN = Path(__file__).with_name("forbidden_text.txt")
SELF = {tree.name(FORBIDDEN), tree.name(Path(__file__))}
GENERATED = ("static/vendor/", "docs/images/", "requirements.txt", "requirements-dev.txt")


def patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Return (reason, expression) of every line of the list."""
    found = []
    for line in FORBIDDEN.read_text().splitlines():
        expression, bar, reason = line.rpartition(" | ")
        if bar and not line.startswith("#"):
            found.append((reason, re.compile(expression)))
    return found


def breaches(name: str, text: str) -> list[str]:
    """Return a line for each forbidden text."""
    return [
        f"{name}:{number}: {reason}: {line.strip()[:80]}"
        for number, line in enumerate(text.splitlines(), start=1)
        for reason, expression in patterns()
        if expression.search(line)
    ]


def test_the_tree_says_nothing_forbidden() -> None:
    found = []
    for path in tree.tracked():
        name = tree.name(path)
        if name in SELF or name.startswith(GENERATED[:2]):
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        if name not in GENERATED:
            found += breaches(name, text)

    assert found == [], "\n".join(found)


def test_the_locks_name_no_index() -> None:
    for lock in GENERATED[2:]:
        assert not re.search(r"https?://|--index-url|--extra-index", (tree.ROOT / lock).read_text())


@pytest.mark.parametrize(
    "line",
    [
        "see /" + "root/project",
        "see /" + "work/project",
        "TO" + "DO: later",
        "fixes #" + "12",
        "pull ghcr" + ".io/library/x",
    ],
)
def test_forbidden_text_is_found(line: str) -> None:
    assert breaches("a.md", line)


@pytest.mark.parametrize("line", ["/var/lib/moorage", "color: #123456;", "a note", "/run/moorage"])
def test_the_projects_own_words_are_not(line: str) -> None:
    assert breaches("a.md", line) == []
