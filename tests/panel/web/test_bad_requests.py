"""What no browser sends is the asker's mistake, and a busy database is nobody's: never 500."""

from __future__ import annotations

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import InterfaceError, OperationalError
from django.test import Client

from panel.accounts.actors import Actor
from panel.accounts.models import User
from tests.panel.web.people import Browser

PASSWORD = "tide tables, 12 knots"


def strict(client: Client) -> Client:
    client.raise_request_exception = False
    return client


@pytest.mark.parametrize(
    "address",
    [
        "/containers/?q=%00",
        "/operations/?q=by:%00",
        "/images/?q=a%00b",
        "/containers/a%00b/",
        "/operations/%00/",
        "/palette/?q=%00",
    ],
)
def test_a_nul_in_an_address_is_the_askers_mistake(
    alice: Actor, browser: Browser, address: str
) -> None:
    answer = strict(browser(alice)).get(address)

    assert answer.status_code == 400
    assert "That request makes no sense here" in answer.content.decode()


def test_a_nul_in_a_form_is_the_askers_mistake(alice: Actor, browser: Browser) -> None:
    answer = strict(browser(alice)).post("/account/team/", {"team": "har\0bour"})

    assert answer.status_code == 400


@pytest.mark.parametrize("before", ["²", "٣", "9" * 30, "9" * 5000, "-1", "x"])
def test_a_page_of_operations_that_there_cannot_be_is_the_first(
    alice: Actor, browser: Browser, before: str
) -> None:
    answer = strict(browser(alice)).get("/operations/", {"before": before})

    assert answer.status_code == 200


def test_a_foreign_host_gets_the_page_for_what_makes_no_sense(db: None) -> None:
    answer = strict(Client()).get("/sign-in/", headers={"Host": "not ours"})

    assert answer.status_code == 400
    assert "That request makes no sense here" in answer.content.decode()


@pytest.mark.parametrize("away", [OperationalError, InterfaceError])
def test_a_page_whose_database_is_away_asks_to_try_again(
    alice: Actor, browser: Browser, monkeypatch: pytest.MonkeyPatch, away: type[Exception]
) -> None:
    def refuse(*_: object) -> None:
        raise away("the connection is closed")

    client = strict(browser(alice))
    monkeypatch.setattr("panel.web.containers.containers_of", refuse)

    answer = client.get("/containers/")

    assert (answer.status_code, answer["Retry-After"]) == (503, "2")


def test_a_sign_in_that_meets_a_locked_database_asks_to_try_again(
    alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = User.objects.get(pk=alice.user_id)
    user.set_password(PASSWORD)
    user.save()

    def locked(*_: object, **__: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(SessionStore, "save", locked)

    answer = strict(Client()).post("/sign-in/", {"username": "alice", "password": PASSWORD})

    assert (answer.status_code, answer["Retry-After"]) == (503, "2")


def test_any_other_error_is_ours(alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("secret-of-the-inside")

    monkeypatch.setattr("panel.web.sign_in.AuthenticationForm", broken)

    answer = strict(Client()).get("/sign-in/")

    assert answer.status_code == 500
    assert "secret-of-the-inside" not in answer.content.decode()
