"""Who comes in, and how."""

from __future__ import annotations

from django.test import Client

from panel.accounts.actors import Actor
from panel.accounts.models import User
from panel.accounts.roster import Place, end_access, ensure_user, find_user, issue_login_link
from tests.panel.web.people import Browser

PASSWORD = "tide tables, 12 knots"


def with_password(actor: Actor) -> None:
    user = User.objects.get(pk=actor.user_id)
    user.set_password(PASSWORD)
    user.save()


def test_name_and_password_lead_to_where_one_wanted_to_go(alice: Actor) -> None:
    with_password(alice)

    answer = Client().post(
        "/sign-in/", {"username": "alice", "password": PASSWORD, "next": "/images/"}
    )

    assert (answer.status_code, answer["Location"]) == (302, "/images/")


def test_a_foreign_next_is_not_followed(alice: Actor) -> None:
    with_password(alice)

    for wanted in ("https://evil.example/", "//evil.example", "javascript:alert(1)"):
        answer = Client().post(
            "/sign-in/", {"username": "alice", "password": PASSWORD, "next": wanted}
        )
        assert answer["Location"] == "/"


def test_a_wrong_password_keeps_the_name_and_names_the_field(alice: Actor) -> None:
    with_password(alice)

    answer = Client().post("/sign-in/", {"username": "alice", "password": "guess"})

    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="alice"' in page
    assert 'aria-invalid="true"' in page
    assert "guess" not in page


def test_a_visitor_without_session_is_led_to_the_sign_in_page(db: None) -> None:
    answer = Client().get("/operations/?q=status:failed")

    assert answer["Location"] == "/sign-in/?next=/operations/%3Fq%3Dstatus%3Afailed"


def test_a_module_without_session_gets_no_page_but_401(db: None) -> None:
    assert Client().get("/containers/", headers={"HX-Request": "true"}).status_code == 401


def test_looking_at_a_login_link_does_not_use_it_up(alice: Actor) -> None:
    link = f"/login/{issue_login_link('alice')}"

    previews = [Client().get(link).status_code for _ in range(3)]
    answer = Client().post(link)

    assert previews == [200, 200, 200]
    assert (answer.status_code, answer["Location"]) == (302, "/")


def test_a_login_link_signs_in_once(alice: Actor) -> None:
    link = f"/login/{issue_login_link('alice')}"
    first, second = Client(), Client()

    first.post(link)
    again = second.post(link)

    assert first.get("/containers/").status_code == 200
    assert again.status_code == 410
    assert second.get("/containers/").status_code == 302


def test_signing_out_needs_a_post_and_ends_the_session(alice: Actor, browser: Browser) -> None:
    client = browser(alice)

    assert client.get("/sign-out/").status_code == 405
    client.post("/sign-out/")

    assert client.get("/containers/").status_code == 302


def test_who_is_in_no_team_is_told_so(db: None) -> None:
    ensure_user("dora", Place())
    client = Client()
    client.force_login(find_user("dora"))

    answer = client.get("/containers/")

    assert answer.status_code == 403
    assert "You are in no team yet" in answer.content.decode()


def test_ended_access_ends_the_session(alice: Actor, browser: Browser) -> None:
    client = browser(alice)

    end_access(User.objects.get(pk=alice.user_id))

    assert client.get("/containers/").status_code == 302
