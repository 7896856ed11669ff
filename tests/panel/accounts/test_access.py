"""Who may do what, and how access ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth import SESSION_KEY
from django.core.management import call_command
from django.db import connections
from django.test import Client
from django.utils import timezone

from panel.accounts.actors import Actor, current, for_token, for_user
from panel.accounts.models import Team, Token, User
from panel.accounts.permissions import NEEDED, Action, may
from panel.accounts.roles import Role
from panel.accounts.roster import (
    Place,
    ensure_team,
    ensure_user,
    issue_login_link,
    issue_token,
    leave_team,
    redeem_login_link,
)
from runtime.errors import InvalidSpec, NotFound

pytestmark = pytest.mark.django_db(transaction=True)


def signed_in(username: str) -> Client:
    client = Client()
    client.force_login(User.objects.get(username=username))
    return client


def still_signed_in(client: Client) -> bool:
    """Ask as Django's middleware does on every request."""
    from django.contrib.auth import get_user
    from django.http import HttpRequest

    request = HttpRequest()
    request.session = client.session
    return SESSION_KEY in client.session and get_user(request).is_authenticated


def test_every_action_has_a_role() -> None:
    assert set(NEEDED) == set(Action)


def test_roles_cover_what_weaker_ones_can(alice: Actor, bob: Actor, vera: Actor) -> None:
    can = {actor.username: {a for a in Action if may(actor, a)} for actor in (alice, bob, vera)}

    assert can["vera"] < can["bob"] < can["alice"] == set(Action)
    assert Action.CONTAINER_CHANGE not in can["vera"]
    assert Action.IMAGE_DELETE not in can["bob"]


def test_nobody_may_do_anything_to_another_team(
    alice: Actor, charlie: Actor, harbour: Team
) -> None:
    assert may(alice, Action.TEAM_MANAGE, harbour)
    assert not any(may(charlie, action, harbour) for action in Action)
    assert not any(may(None, action) for action in Action)


def test_a_superuser_acts_as_admin_of_one_team_at_a_time(harbour: Team, elsewhere: Team) -> None:
    root, _ = ensure_user("root", Place(superuser=True))

    actor = for_user(root.pk, "elsewhere")

    assert actor is not None
    assert may(actor, Action.TEAM_MANAGE, elsewhere)
    assert not may(actor, Action.CONTAINER_VIEW, harbour)


def test_a_token_speaks_for_its_user_in_its_team_only(alice: Actor, elsewhere: Team) -> None:
    ensure_user("alice", Place(team="elsewhere", role=Role.VIEWER))
    secret = issue_token("alice", "elsewhere")

    actor = for_token(secret)

    assert actor is not None
    assert (actor.team_slug, actor.role) == ("elsewhere", Role.VIEWER)
    assert secret not in str(Token.objects.values())
    assert Token.objects.get().last_used is not None


@pytest.mark.parametrize("wrong", ["", "moor_", "x" * 4096, "moor_\ud800"])
def test_a_token_that_is_none_is_nobody(wrong: str) -> None:
    assert for_token(wrong) is None


def test_a_late_token_is_dead(alice: Actor) -> None:
    secret = issue_token("alice", expires_seconds=60)
    assert for_token(secret) is not None

    Token.objects.update(expires=timezone.now() - timedelta(seconds=1))

    assert for_token(secret) is None


def test_the_team_has_to_be_named_where_there_are_several(alice: Actor, elsewhere: Team) -> None:
    ensure_user("alice", Place(team="elsewhere"))

    with pytest.raises(InvalidSpec, match="team: name one"):
        issue_token("alice")


def test_no_token_for_a_team_one_is_not_in(alice: Actor, elsewhere: Team) -> None:
    with pytest.raises(NotFound):
        issue_token("alice", "elsewhere")


@pytest.mark.parametrize("how", ["lowered", "disabled", "left"])
def test_what_weakens_a_user_ends_sessions_tokens_and_sockets(alice: Actor, how: str) -> None:
    client = signed_in("alice")
    secret = issue_token("alice")
    link = issue_login_link("alice")
    actor = for_token(secret)
    assert actor is not None
    assert still_signed_in(client)
    assert current(actor) is not None

    if how == "lowered":
        ensure_user("alice", Place(team="harbour", role=Role.OPERATOR))
    elif how == "disabled":
        ensure_user("alice", Place(team="harbour", role=Role.ADMIN, disabled=True))
    else:
        leave_team("alice", "harbour")

    assert not still_signed_in(client)
    assert for_token(secret) is None
    assert current(actor) is None
    assert redeem_login_link(link) is None


def test_a_role_lowered_past_the_roster_counts_at_the_next_check(alice: Actor) -> None:
    secret = issue_token("alice")
    User.objects.get(username="alice").memberships.update(role="viewer")

    now = for_user(alice.user_id)

    assert now is not None
    assert now.role is Role.VIEWER
    assert for_token(secret) is None


def test_a_promotion_keeps_what_is_open(vera: Actor) -> None:
    client = signed_in("vera")
    secret = issue_token("vera")

    ensure_user("vera", Place(team="harbour", role=Role.ADMIN))

    assert still_signed_in(client)
    actor = for_token(secret)
    assert actor is not None
    assert actor.role is Role.ADMIN


def test_a_disabled_user_is_back_without_old_keys(alice: Actor) -> None:
    secret = issue_token("alice")
    ensure_user("alice", Place(team="harbour", role=Role.ADMIN, disabled=True))
    with pytest.raises(NotFound):
        issue_login_link("alice")

    ensure_user("alice", Place(team="harbour", role=Role.ADMIN))

    assert for_user(alice.user_id) is not None
    assert for_token(secret) is None


def test_a_login_link_signs_in_once(alice: Actor) -> None:
    link = issue_login_link("alice")

    def redeem(_: int) -> bool:
        try:
            return redeem_login_link(link) is not None
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        redeemed = list(pool.map(redeem, range(8)))

    assert redeemed.count(True) == 1
    assert redeem_login_link("nonsense") is None


def test_a_late_login_link_signs_nobody_in(alice: Actor) -> None:
    assert redeem_login_link(issue_login_link("alice", life_seconds=-1)) is None


def test_teams_get_ranges_that_are_never_used_again() -> None:
    first, made = ensure_team("one")
    again, made_again = ensure_team("one")
    second, _ = ensure_team("two")
    lost = second.id_range
    second.delete()
    third, _ = ensure_team("three")

    assert (made, made_again, again.pk) == (True, False, first.pk)
    assert (first.id_range - 300_000_000) % 65_536 == 0
    assert lost == first.id_range + 65_536
    assert third.id_range == lost + 65_536


@pytest.mark.parametrize("slug", ["", "Team", "a b", "-a", "a" * 64, "a/b"])
def test_a_team_name_the_engine_could_not_use_is_refused(slug: str) -> None:
    with pytest.raises(InvalidSpec, match="team"):
        ensure_team(slug)


def test_the_commands_make_a_team_a_user_and_a_token(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("team", "ops")
    call_command("user", "oskar", "--team", "ops", "--role", "operator")
    call_command("token", "oskar", "--team", "ops", "--expires", "60")

    secret = capsys.readouterr().out.split()[-1]

    actor = for_token(secret)
    assert actor is not None
    assert (actor.username, actor.team_slug, actor.role) == ("oskar", "ops", Role.OPERATOR)
    assert not actor.is_superuser
