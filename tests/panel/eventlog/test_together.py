"""Several events of one transaction are written and told as one."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from panel.accounts.models import Team
from panel.eventlog import append as log
from panel.eventlog.append import Happening, append, take_number, together
from panel.eventlog.models import Event

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, Any]]:
    """The notices that went out: their numbers and operations."""
    notices: list[tuple[int, Any]] = []
    monkeypatch.setattr(
        log, "announce", lambda seq, *, operation, **_: notices.append((seq, operation))
    )
    return notices


def happening(team: Team, version: int | None, *, operation: str | None = "op") -> Happening:
    return Happening(
        team_id=team.pk,
        kind=f"container.{version}",
        container="c" if version is not None else None,
        version=version,
        operation=operation,
    )


def test_they_are_numbered_in_order_and_told_once(
    harbour: Team, told: list[tuple[int, Any]], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with transaction.atomic():
        before = take_number()
    with django_assert_num_queries(5), transaction.atomic(), together():  # with begin and commit
        for version in (1, 2, None):
            append(happening(harbour, version))
        assert told == []

    kinds = list(Event.objects.order_by("seq").values_list("seq", "kind"))
    assert kinds == [
        (before + 1, "container.1"),
        (before + 2, "container.2"),
        (before + 3, "container.None"),
    ]
    assert told == [(before + 3, "op")]


def test_what_the_log_has_is_left_out_also_within(
    harbour: Team, told: list[tuple[int, Any]]
) -> None:
    with transaction.atomic():
        append(happening(harbour, 1))
    with transaction.atomic(), together():
        for version in (1, 2, 2, 3):
            append(happening(harbour, version))

    found = Event.objects.order_by("seq").values_list("version", flat=True)
    assert list(found) == [1, 2, 3]
    with transaction.atomic(), together():
        append(happening(harbour, 3))
    assert len(told) == 2


def test_each_operation_hears_of_its_own(harbour: Team, told: list[tuple[int, Any]]) -> None:
    with transaction.atomic(), together():
        for operation in ("first", "second", "first"):
            append(happening(harbour, None, operation=operation))

    assert [operation for _, operation in told] == ["first", "second"]
    assert told[0][0] > told[1][0]


def test_news_go_out_before_whatever_else_is_done_on_commit(
    harbour: Team, told: list[tuple[int, Any]]
) -> None:
    seen: list[int] = []
    with transaction.atomic(), together():
        append(happening(harbour, None))
        transaction.on_commit(lambda: seen.append(len(told)))

    assert seen == [1]


def test_an_exception_writes_and_tells_nothing(harbour: Team, told: list[tuple[int, Any]]) -> None:
    def fail() -> None:
        with transaction.atomic(), together():
            append(happening(harbour, 1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert not Event.objects.exists()
    assert told == []
    with transaction.atomic():
        append(happening(harbour, 1))
    assert len(told) == 1
