"""What `runtime` offers is documented where it stands."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TypeGuard

from tests.architecture import tree


def undocumented(path: Path) -> list[str]:
    """Return the public module, classes, functions and methods of a file without a docstring."""
    module = tree.parsed(path)
    found = [] if path.stat().st_size == 0 or ast.get_docstring(module) else ["the module"]
    for node in module.body:
        if not is_public(node):
            continue
        if ast.get_docstring(node) is None:
            found.append(node.name)
        if isinstance(node, ast.ClassDef):
            overrides = bool(node.bases)
            found += [
                f"{node.name}.{method.name}"
                for method in node.body
                if is_public(method)
                and ast.get_docstring(method) is None
                and not (overrides and method.name in ("details", "to_json", "from_json"))
            ]
    return found


def is_public(node: ast.stmt) -> TypeGuard[ast.ClassDef | tree.Function]:
    """Say whether a statement defines a name for others."""
    defines = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    return defines and not node.name.startswith("_")  # type: ignore[attr-defined]


def test_every_public_name_of_runtime_has_a_docstring() -> None:
    found = [
        f"{tree.name(path)}: {name}"
        for path in tree.modules("runtime")
        for name in undocumented(path)
    ]

    assert found == [], "\n".join(found)


def test_a_docstring_that_is_missing_is_found(tmp_path: Path) -> None:
    path = tmp_path / "layer.py"
    path.write_text('"""A."""\n\n\nclass Layer:\n    """B."""\n\n    def mount(self): ...\n')

    assert undocumented(path) == ["Layer.mount"]
