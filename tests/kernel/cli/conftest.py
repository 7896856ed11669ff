from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kernel.runtimes import OURS, Runtime, a_runtime


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    with a_runtime(OURS) as made:
        yield made
