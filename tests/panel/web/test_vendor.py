"""What others wrote is here unmodified, with its licence."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

VENDOR = Path(__file__).parents[3] / "static" / "vendor"
LOCK = json.loads((VENDOR / "vendor.lock.json").read_text())


def test_every_vendored_file_has_the_hash_that_the_lock_names() -> None:
    for package in LOCK["packages"]:
        for name, integrity in package["files"].items():
            content = (VENDOR / package["folder"] / name).read_bytes()
            digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
            assert integrity == f"sha512-{digest}", f"{package['folder']}/{name}"


def test_no_vendored_file_is_missing_in_the_lock() -> None:
    locked = {f"{p['folder']}/{name}" for p in LOCK["packages"] for name in p["files"]}

    there = {str(f.relative_to(VENDOR)) for f in VENDOR.rglob("*") if f.is_file()}

    assert there - {"vendor.lock.json"} == locked


def test_every_vendored_package_brings_its_licence() -> None:
    for package in LOCK["packages"]:
        assert package["licence"]
        assert "LICENSE" in package["files"]
