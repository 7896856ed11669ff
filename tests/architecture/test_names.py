"""Names are the field's words, and packages start empty."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture import tree

DUMPING_GROUNDS = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager"}
NAMED_BY_DJANGO = {"panel/database/sqlite3/base.py"}
"""A database's ENGINE is a package whose module `base` Django imports."""
EMPTY_WORDS = ("Manager", "Handler", "Processor", "Service")
DJANGO_MANAGERS = {"Manager", "BaseManager", "UserManager", "BaseUserManager"}


def is_django_manager(node: ast.ClassDef) -> bool:
    """Say whether a class derives from one of Django's managers (ModelName.objects)."""
    bases = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
    names = {
        base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "") for base in bases
    }
    return bool(names & DJANGO_MANAGERS)


def noun_not_found(source: ast.Module) -> list[str]:
    """Return the classes named for doing something in general."""
    classes = [node for node in ast.walk(source) if isinstance(node, ast.ClassDef)]
    return [
        node.name
        for node in classes
        if node.name.endswith(EMPTY_WORDS) and not is_django_manager(node)
    ]


def test_no_module_is_a_dumping_ground() -> None:
    found = [
        tree.name(path)
        for path in tree.modules(*tree.CODE, "tests")
        if DUMPING_GROUNDS
        & {part.removesuffix(".py") for part in path.relative_to(tree.ROOT).parts}
    ]

    assert set(found) == NAMED_BY_DJANGO


def test_every_class_is_named_by_a_noun_of_the_field() -> None:
    found = [
        f"{tree.name(path)}: {name}"
        for path in tree.modules(*tree.CODE)
        for name in noun_not_found(tree.parsed(path))
    ]

    assert found == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("class ImageManager: pass", ["ImageManager"]),
        ("class LogService(Thing): pass", ["LogService"]),
        ("class UserManager(BaseUserManager['User']): pass", []),
        ("class TokenManager(models.Manager): pass", []),
        ("class Layer: pass", []),
    ],
)
def test_only_djangos_managers_may_be_called_so(source: str, expected: list[str]) -> None:
    assert noun_not_found(ast.parse(source)) == expected


def test_packages_hold_no_code_in_their_init() -> None:
    """The public door of the engine is `runtime.engine`; nothing is re-exported."""
    found = [
        tree.name(path)
        for path in tree.modules("runtime")
        if path.name == "__init__.py" and not is_empty(path)
    ]

    assert found == []


def is_empty(path: Path) -> bool:
    """Say whether a file holds at most a docstring."""
    body = tree.parsed(path).body
    return not body or (len(body) == 1 and ast.get_docstring(tree.parsed(path)) is not None)


def test_the_top_level_holds_only_what_the_house_has() -> None:
    house = {
        ".ci", ".dockerignore", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "Dockerfile.dev",
        "LICENSE", "README.md", "benchmarks", "docs", "manage.py", "panel", "pyproject.toml",
        "requirements-dev.in", "requirements-dev.txt", "requirements.in", "requirements.txt",
        "runtime", "static", "templates", "tests",
    }  # fmt: skip

    assert {path.relative_to(tree.ROOT).parts[0] for path in tree.tracked()} <= house
