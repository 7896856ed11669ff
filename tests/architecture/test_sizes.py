"""Files and functions stay small enough to hold in the head."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture import tree

LIMITS = {"module lines": 400, "function lines": 60, "arguments": 6, "branches": 10}
EXCEPTIONS = Path(__file__).with_name("size_exceptions.txt")
EXCEPTIONS_LEFT = 0
"""May be lowered, never raised."""


def branches(function: tree.Function) -> int:
    """Count the ways that a function's own code can turn, those of nested functions apart."""
    return sum(_turns(node) for node in _own_nodes(function))


def _own_nodes(node: ast.AST) -> list[ast.AST]:
    found: list[ast.AST] = []
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found += [child, *_own_nodes(child)]
    return found


def _turns(node: ast.AST) -> int:
    if isinstance(node, ast.If):
        else_only = bool(node.orelse) and not isinstance(node.orelse[0], ast.If)
        return 1 + else_only
    if isinstance(node, ast.Try):
        return len(node.handlers) + bool(node.orelse) + bool(node.finalbody)
    return int(isinstance(node, ast.For | ast.AsyncFor | ast.While | ast.match_case))


def arguments(function: tree.Function) -> int:
    """Count what a caller can pass, `self` and `cls` apart."""
    given = function.args
    names = [argument.arg for argument in given.posonlyargs + given.args + given.kwonlyargs]
    return len([name for name in names if name not in ("self", "cls")])


def measured() -> list[tuple[str, str, int]]:
    """Return (place, limit, size) of every module and function."""
    found = []
    for path in tree.modules(*tree.CODE, "tests"):
        found.append((tree.name(path), "module lines", path.read_text().count("\n")))
    for path in tree.modules(*tree.CODE):
        for name, function in tree.functions(path):
            place = f"{tree.name(path)}::{name}"
            lines = (function.end_lineno or function.lineno) - function.lineno + 1
            found.append((place, "function lines", lines))
            found.append((place, "arguments", arguments(function)))
            found.append((place, "branches", branches(function)))
    return found


def exceptions() -> list[list[str]]:
    """Return the declared exceptions: place, limit, reason."""
    lines = EXCEPTIONS.read_text().splitlines()
    return [
        [part.strip() for part in line.split("|")] for line in lines if not line.startswith("#")
    ]


def test_every_module_and_function_is_within_its_limit() -> None:
    allowed = {(place, limit) for place, limit, _reason in exceptions()}

    over = [
        f"{place}: {size} {limit}, at most {LIMITS[limit]}"
        for place, limit, size in measured()
        if size > LIMITS[limit] and (place, limit) not in allowed
    ]

    assert over == [], "\n".join(over)


def test_every_exception_is_still_needed_and_has_a_reason() -> None:
    over = {(place, limit) for place, limit, size in measured() if size > LIMITS[limit]}

    for place, limit, reason in exceptions():
        assert (place, limit) in over, f"{place} is within the limit: take it off the list"
        assert len(reason.split()) >= 5, f"{place} needs a reason"


def test_the_list_of_exceptions_does_not_grow() -> None:
    assert len(exceptions()) <= EXCEPTIONS_LEFT


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(a):\n  if a: pass\n  elif a: pass\n  else: pass", 3),
        ("def f(a):\n  for _ in a:\n    while a: pass", 2),
        ("def f(a):\n  try: a()\n  except OSError: pass\n  finally: a()", 2),
        ("def f(a):\n  match a:\n    case 1: pass\n    case 2: pass", 2),
        ("def f(a):\n  def g():\n    if a: pass\n  return g", 0),
    ],
)
def test_branches_are_counted_as_a_reader_does(source: str, expected: int) -> None:
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)

    assert branches(function) == expected


def test_arguments_count_what_a_caller_passes() -> None:
    function = ast.parse("def f(self, a, /, b, *, c, **d): pass").body[0]
    assert isinstance(function, ast.FunctionDef)

    assert arguments(function) == 3
