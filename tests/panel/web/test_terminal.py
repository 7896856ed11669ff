"""Who sees the page of terminals."""

from __future__ import annotations

from typing import cast

import pytest

from panel.accounts.actors import Actor
from panel.agent.relay import relay_pending
from panel.operations.submit import submit
from runtime.engine import Engine
from tests.fakes.engine import FakeEngine
from tests.panel.web.people import Browser, Create, Drain


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_who_may_run_commands_has_a_terminal(
    request: pytest.FixtureRequest, created: Create, browser: Browser, name: str
) -> None:
    container = created(name="quay")
    client = browser(request.getfixturevalue(name))

    page = client.get(f"/containers/{container}/terminal/").content.decode()
    assert f'action="/api/v1/containers/{container}/sessions"' in page
    assert "does not run" not in page
    assert (
        f"/containers/{container}/terminal/"
        in client.get(f"/containers/{container}/").content.decode()
    )


def test_a_viewer_has_none_and_is_not_told_of_it(
    vera: Actor, created: Create, browser: Browser
) -> None:
    container = created(name="quay")
    client = browser(vera)

    assert client.get(f"/containers/{container}/terminal/").status_code == 403
    assert "Terminal" not in client.get(f"/containers/{container}/").content.decode()


def test_another_team_finds_nothing(charlie: Actor, created: Create, browser: Browser) -> None:
    container = created(name="quay")

    assert browser(charlie).get(f"/containers/{container}/terminal/").status_code == 404


def test_a_container_that_does_not_run_says_so(
    bob: Actor, created: Create, browser: Browser, engine: FakeEngine
) -> None:
    container = created("true", name="quay")
    relay_pending(cast("Engine", engine), "here")

    assert "does not run" in browser(bob).get(f"/containers/{container}/terminal/").content.decode()


def test_an_open_session_keeps_nothing_busy(
    alice: Actor, created: Create, browser: Browser, drain: Drain
) -> None:
    container = created(name="quay")
    spec = {"command": ["cat"], "tty": False}
    submit("container.session", actor=alice, target=container, params={"spec": spec})
    drain()

    page = browser(alice).get(f"/containers/{container}/").content.decode()
    assert "data-busy" not in page
