from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kernel.runtimes import OURS, Runtime, a_runtime


@pytest.fixture(params=[OURS, "crun", "runc"])
def runtime(request: pytest.FixtureRequest) -> Iterator[Runtime]:
    """Yield our runtime and, to prove the tests, those of Debian."""
    with a_runtime(request.param) as made:
        yield made
