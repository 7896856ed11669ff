"""People in front of a browser that runs no JavaScript."""

from __future__ import annotations

import pytest
from django.test import Client

from panel.accounts.actors import Actor
from panel.accounts.models import Team, User
from panel.inventory.images import project_images
from tests.fakes.engine import FakeEngine
from tests.panel.web.people import Browser


@pytest.fixture
def browser() -> Browser:
    """Return a signed-in client of somebody; it checks CSRF as a browser's requests are."""

    def signed_in(actor: Actor) -> Client:
        client = Client()
        client.force_login(User.objects.get(pk=actor.user_id))
        return client

    return signed_in


@pytest.fixture
def starter(harbour: Team, engine: FakeEngine) -> None:
    """The inventory knows the team's starter image."""
    project_images("here", engine.images.list("harbour"), team=harbour)
