"""What is installed is pinned, and what is vendored is what it says."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from tests.architecture import tree

LOCKS = ("requirements", "requirements-dev")
VENDOR = tree.ROOT / "static" / "vendor"
PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(\[[^]]*\])?==\S+.*\\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}")


def wanted(path: Path) -> set[str]:
    """Return the names that an .in file asks for."""
    lines = [line.split("#")[0].strip() for line in path.read_text().splitlines()]
    return {
        plain(re.split(r"[\[<>=!~; ]", line)[0])
        for line in lines
        if line and not line.startswith("-")
    }


def plain(name: str) -> str:
    """Return a name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(text: str) -> dict[str, int]:
    """Return the names that a lock pins, each with its number of hashes."""
    found: dict[str, int] = {}
    name = ""
    for line in text.splitlines():
        match = PINNED.match(line)
        if match:
            name = plain(match[1])
            found.setdefault(name, 0)
        elif HASH.match(line):
            found[name] += 1
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_every_wanted_package_is_pinned_with_hashes(lock: str) -> None:
    locked = pinned((tree.ROOT / f"{lock}.txt").read_text())

    assert wanted(tree.ROOT / f"{lock}.in") - locked.keys() == set()
    assert [name for name, hashes in locked.items() if not hashes] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pinned_package_is_there_for_a_reason(lock: str) -> None:
    """A package that nothing asks for any more would stay in the lock unseen."""
    text = (tree.ROOT / f"{lock}.txt").read_text()
    asked = set(re.findall(rf"([\w.-]+)(?:\[[^]]*\])?==[^#]*?# via[^#]*-r {lock}\.in", text))

    assert asked
    assert wanted(tree.ROOT / f"{lock}.in") >= {plain(name) for name in asked}


def test_what_both_locks_pin_they_pin_alike() -> None:
    first, second = (versions((tree.ROOT / f"{lock}.txt").read_text()) for lock in LOCKS)

    shared = first.keys() & second.keys()
    assert shared
    assert {name for name in shared if first[name] != second[name]} == set()


def versions(text: str) -> dict[str, set[str]]:
    """Return the versions that a lock pins of each name (one for each environment marker)."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==(\S+)", text, re.MULTILINE):
        found.setdefault(plain(name), set()).add(version)
    return found


def test_every_vendored_file_is_listed_and_unchanged() -> None:
    listed = {
        VENDOR / package["folder"] / name: checksum
        for package in json.loads((VENDOR / "vendor.lock.json").read_text())["packages"]
        for name, checksum in package["files"].items()
    }
    there = {path for path in VENDOR.rglob("*") if path.is_file()} - {VENDOR / "vendor.lock.json"}

    assert there == listed.keys()
    for path, checksum in listed.items():
        kind, _, expected = checksum.partition("-")
        digest = hashlib.new(kind, path.read_bytes()).digest()
        assert base64.b64encode(digest).decode() == expected, path


def test_every_vendored_package_has_its_licence() -> None:
    for package in json.loads((VENDOR / "vendor.lock.json").read_text())["packages"]:
        assert package["licence"], package["name"]
        assert "LICENSE" in package["files"], package["name"]
