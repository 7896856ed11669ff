"""Read what an operation's row says, for tests that expect it to say something."""

from __future__ import annotations

from typing import Any

from panel.operations.models import Operation


def error_of(operation: Operation) -> dict[str, Any]:
    """Return the problem in the row, which has to be there."""
    error: dict[str, Any] | None = operation.error
    assert error is not None, f"{operation} is {operation.status} without an error"
    return error


def result_of(operation: Operation) -> dict[str, Any]:
    """Return the result in the row, which has to be there."""
    result: dict[str, Any] | None = operation.result
    assert result is not None, f"{operation} is {operation.status}, error {operation.error}"
    return result
