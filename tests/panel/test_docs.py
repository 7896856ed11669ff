"""Whatever can be called, set, sent or received is in docs/, and links there lead somewhere."""

from __future__ import annotations

import ast
import re

import pytest

from panel.api.problems import STATUS
from panel.operations.kinds import CATALOGUE
from panel.operations.models import Status
from panel.policy.checks import free
from panel.policy.rules import Allowances
from panel.policy.table import FIELDS
from runtime.cli.arguments import COMMANDS as OCI_COMMANDS
from runtime.cli.arguments import GLOBAL as OCI_GLOBAL
from runtime.containers.unbuilt import BUILT, TOLD
from runtime.events import ContainerEvent
from tests.architecture import tree

DOCS = tree.ROOT / "docs"
COMMANDS = tree.ROOT / "panel" / "host" / "management" / "commands"
VARIABLE = re.compile(
    r"""(?:environ|variables)(?:\.get\(|\[)\s*"([A-Z][A-Z0-9_]+)"|"(MOORAGE_[A-Z_]+)\""""
)


def read(name: str) -> str:
    """Return one page."""
    return (DOCS / name).read_text()


def stated(page: str) -> set[str]:
    """Return the words in code style in headings and in first columns of tables."""
    found: set[str] = set()
    for line in page.splitlines():
        if line.startswith("#"):
            found.add(line.lstrip("# "))
        elif line.startswith("|"):
            found |= set(re.findall(r"`([^`]+)`", line.split("|")[1]))
    return found


def commands() -> list[str]:
    return sorted(path.stem for path in COMMANDS.glob("*.py") if path.stem != "__init__")


def options(command: str) -> set[str]:
    """Return the options that a command declares."""
    text = (COMMANDS / f"{command}.py").read_text()
    return set(re.findall(r'add_argument\(\s*"(--[a-z-]+)"', text))


def variables() -> set[str]:
    """Return the environment variables that the code reads."""
    texts = [path.read_text() for path in tree.modules("panel", "runtime", "manage.py")]
    return {first or second for text in texts for first, second in VARIABLE.findall(text)}


def rest_routes() -> set[str]:
    """Return `METHOD address` of each REST route, as the URL conf has it."""
    source = tree.parsed(tree.ROOT / "panel" / "api" / "urls.py")
    found = set()
    for call in ast.walk(source):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in ("path", "re_path"):
            assert isinstance(call.args[0], ast.Constant)
            given = str(call.args[0].value)
            address = re.sub(r"\(\?P<(\w+)>[^)]*\)|<(?:\w+:)?(\w+)>", r"{\1\2}", given)
            view = call.args[1]
            if isinstance(view, ast.Attribute) and isinstance(view.value, ast.Name):
                found |= {
                    f"{method} /api/v1/{address.strip('^$')}"
                    for method in methods(view.value.id, view.attr)
                }
    return found


def methods(module: str, view: str) -> list[str]:
    """Return the methods of `view = route(GET=..., POST=...)`."""
    source = tree.parsed(tree.ROOT / "panel" / "api" / f"{module}.py")
    for node in source.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == view:
            assert isinstance(node.value, ast.Call)
            return [str(keyword.arg) for keyword in node.value.keywords]
    raise AssertionError(f"panel.api.{module} has no {view}")


def socket_routes() -> set[str]:
    text = (tree.ROOT / "panel" / "live" / "routes.py").read_text()
    return {
        "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", address)
        for address in re.findall(r'path\("([^"]+)"', text)
    }


def error_codes() -> set[str]:
    """Return every stable code that a class of the project declares."""
    return {
        str(node.value.value)
        for path in tree.modules("runtime", "panel")
        for declared in ast.walk(tree.parsed(path))
        if isinstance(declared, ast.ClassDef)
        for node in declared.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant)
        if getattr(node.targets[0] if isinstance(node, ast.Assign) else node.target, "id", "")
        == "code"
    }


@pytest.mark.parametrize("command", commands())
def test_every_command_and_its_options_are_documented(command: str) -> None:
    page = read("guide/commands.md")
    row = next((line for line in page.splitlines() if line.startswith(f"| `{command}")), None)
    assert row, f"{command} has no row in docs/guide/commands.md"

    known = row + (read("guide/install.md") if command == "up" else "")
    assert {option for option in options(command) if f"`{option}" not in known} == set()


@pytest.mark.parametrize("command", sorted(OCI_COMMANDS))
def test_every_command_of_the_oci_command_line_is_documented(command: str) -> None:
    page = read("guide/oci.md")
    row = next((line for line in page.splitlines() if line.startswith(f"| `{command}")), None)
    assert row, f"{command} has no row in docs/guide/oci.md"

    assert {flag for flag in (*OCI_COMMANDS[command].flags, *OCI_GLOBAL) if flag not in page} <= {
        "--help",
        "--version",
    }


def test_every_variable_is_documented() -> None:
    found = variables()

    assert {"DATA_ROOT", "DATABASE_URL", "MOORAGE_ID_BASE"} <= found
    assert found - stated(read("guide/commands.md")) == set()


def test_every_key_of_the_ceiling_is_documented() -> None:
    assert set(Allowances.__dataclass_fields__) - stated(read("guide/commands.md")) == set()


def test_every_field_of_a_spec_is_documented_as_it_is() -> None:
    rows = [
        [part.strip() for part in line.split("|")[1:4]]
        for line in read("api/spec.md").splitlines()
        if line.startswith("| `")
    ]
    truth = {
        field: "yes" if field in BUILT else "told back" if field in TOLD else "not yet"
        for field in FIELDS
    }

    assert {name.strip("`"): engine for name, engine, _ in rows} == truth
    assert {name.strip("`") for name, _, judged in rows if not judged} == {
        field for field, check in FIELDS.items() if check is free
    }


def test_every_kind_of_operation_is_documented_as_it_is() -> None:
    page = read("api/operations.md")
    assert {code for code in CATALOGUE if f"| `{code}` |" not in page} == set()

    for code, kind in CATALOGUE.items():
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{code}`")]
        repeat = "" if kind.klass == "stream" else kind.repeat.value
        assert row.split("|")[4].strip() == repeat, code
        assert ("overtakes" in row, "cancelled" in row) == (kind.overtakes, kind.cancellable), code


def test_every_action_of_an_event_is_documented() -> None:
    listed = re.search(r"`action` is one of ([a-z,\s-]+)\.", ContainerEvent.__doc__ or "")
    assert listed
    actions = [word.strip() for word in listed[1].split(",")]
    page = stated(read("api/events.md"))

    assert {f"container.{action}" for action in actions} - page == set()
    assert {f"operation.{status.value}" for status in Status} - page == set()


def test_every_error_code_is_documented_with_its_status() -> None:
    page = read("api/errors.md")

    assert error_codes() >= {"conflict", "not_allowed", "gone"}
    assert error_codes() | STATUS.keys() == {code for code in stated(page) if code.islower()}
    for code, status in STATUS.items():
        (row,) = [line for line in page.splitlines() if names(line, code)]
        assert row.split("|")[2].strip() == str(status), code


def names(line: str, code: str) -> bool:
    """Say whether a line is the table's row of `code`."""
    return line.startswith("|") and f"`{code}`" in line.split("|")[1]


def test_every_rest_route_is_documented_and_no_other() -> None:
    page = read("api/README.md")
    documented = {
        line.removeprefix("### ")
        for line in page.splitlines()
        if "/api/v1/" in line and line.startswith("### ")
    }

    assert len(rest_routes()) >= 15
    assert documented == rest_routes()


def test_every_socket_is_documented_and_no_other() -> None:
    page = read("api/websockets.md")
    documented = {line.removeprefix("## ") for line in page.splitlines() if line.startswith("## /")}

    assert documented == socket_routes()


def test_every_wanted_package_has_its_reason() -> None:
    wanted = {
        re.split(r"[\[<>=]", line)[0]
        for line in (tree.ROOT / "requirements.in").read_text().splitlines()
        if line and not line.startswith("#")
    }
    page = read("adr/0016-dependencies.md")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| ")]
    stated_names = {re.split(r"\[", name.strip())[0] for row in rows for name in row.split(",")}

    assert wanted - stated_names == set()
    assert stated_names - wanted - {"package"} == set()


def test_every_link_in_the_docs_leads_somewhere() -> None:
    pages = [path for path in tree.tracked() if path.suffix == ".md"]
    broken = [
        f"{tree.name(page)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]

    assert len(pages) > 30
    assert broken == []


def test_every_file_that_the_docs_name_exists() -> None:
    pages = [*DOCS.rglob("*.md"), tree.ROOT / "CONTRIBUTING.md"]
    missing = [
        f"{tree.name(page)}: {name}"
        for page in pages
        for name in re.findall(
            r"`((?:panel|runtime|tests|templates|static|benchmarks)/[\w./-]+)`", page.read_text()
        )
        if not (tree.ROOT / name).exists()
    ]

    assert missing == []


def test_every_test_that_the_docs_name_exists() -> None:
    defined = {name for path in tree.modules("tests") for name, _ in tree.functions(path)}
    named = {
        (tree.name(page), name)
        for page in DOCS.rglob("*.md")
        for name in re.findall(r"::(test_\w+)", page.read_text())
    }

    assert len(named) > 30
    assert {(page, name) for page, name in named if name not in defined} == set()


def test_every_decision_is_on_the_list() -> None:
    index = read("adr/README.md")

    for page in (DOCS / "adr").glob("[0-9]*.md"):
        assert f"]({page.name})" in index
        assert read(f"adr/{page.name}").count("\n## ") == 4
