from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.lab import Lab


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    made = Lab(Path(tempfile.mkdtemp(prefix="moorage-test-", dir="/var/tmp")))
    yield made
    made.close()
