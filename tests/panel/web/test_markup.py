"""Templates keep the strict content security policy; modules keep their size."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
TEMPLATES = sorted((CHECKOUT / "templates").rglob("*.html"))
MODULES = sorted((CHECKOUT / "static" / "js").rglob("*.js"))
INLINE = re.compile(r"\sstyle=|\son[a-z]+=|<style|javascript:|hx-on|<script(?![^>]*\bsrc=)", re.I)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_inline_style_script_or_handler(template: Path) -> None:
    assert INLINE.findall(template.read_text()) == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_module_is_short_and_never_makes_html_of_text(module: Path) -> None:
    text = module.read_text()

    assert text.count("\n") < 300
    assert not re.search(r"innerHTML|outerHTML\s*=|insertAdjacentHTML|document\.write|eval\(", text)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_form_that_changes_something_carries_a_csrf_token(template: Path) -> None:
    for form in re.findall(r"<form\b[^>]*method=\"post\".*?</form>", template.read_text(), re.S):
        assert "{% csrf_token %}" in form
