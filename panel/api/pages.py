"""Lists, cut into pages. A page goes on after the last row of the one before, not after a count:
what is made or deleted meanwhile neither repeats nor hides a row."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, JsonResponse

from panel.api.door import whole
from runtime.errors import InvalidSpec

DEFAULT_PAGE = 100
LONGEST_PAGE = 200
Row = TypeVar("Row", bound=Model)


def page(
    request: HttpRequest,
    rows: QuerySet[Row],
    show: Callable[[Row], dict[str, Any]],
    *,
    keys: Sequence[str],
) -> JsonResponse:
    """Return one page of `rows`; `next` is the address of the following one, or null.

    `keys` are the fields that order the rows, a minus in front for descending; together they are
    unique. Raises InvalidSpec for a `limit` or `next` that there cannot be.
    """
    limit = whole(request, "limit", DEFAULT_PAGE, LONGEST_PAGE)
    if not limit:
        raise InvalidSpec("limit", f"0 is not from 1 to {LONGEST_PAGE}")
    ordered = rows.order_by(*keys)
    if "next" in request.GET:
        ordered = ordered.filter(_after(rows.model, keys, request.GET["next"]))
    found = list(ordered[: limit + 1])
    following = None
    if len(found) > limit:
        query = request.GET.copy()
        query["next"] = _cursor(found[limit - 1], keys)
        following = f"{request.path}?{query.urlencode()}"
    return JsonResponse({"results": [show(row) for row in found[:limit]], "next": following})


def _cursor(row: Model, keys: Sequence[str]) -> str:
    values = [row.serializable_value(key.lstrip("-")) for key in keys]
    plain = json.dumps(values, default=str, separators=(",", ":"))
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def _after(model: type[Model], keys: Sequence[str], cursor: str) -> Q:
    """Return the condition for the rows behind the cursor, key by key."""
    condition, equal = Q(pk__in=()), Q()
    for key, value in zip(keys, _values(model, keys, cursor), strict=True):
        name = key.lstrip("-")
        beyond = "lt" if key.startswith("-") else "gt"
        condition |= equal & Q((f"{name}__{beyond}", value))
        equal &= Q((name, value))
    return condition


def _values(model: type[Model], keys: Sequence[str], cursor: str) -> list[Any]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        plain = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        fields: list[Any] = [model._meta.get_field(key.lstrip("-")) for key in keys]
        # What a database cannot hold must not reach it.
        texts = [value for value in plain if not isinstance(value, bool | list | dict | None)]
        if len(texts) != len(fields) or any("\0" in str(text) for text in texts):
            raise ValueError(cursor)
        return [field.to_python(text) for field, text in zip(fields, texts, strict=True)]
    except (ValueError, TypeError, ValidationError):
        raise InvalidSpec("next", "is not an address that a list gave") from None
