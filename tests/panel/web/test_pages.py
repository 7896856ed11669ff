"""What Alice, Bob, Vera and Charlie see, and that foreign is the same as missing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from panel.accounts.actors import Actor
from panel.accounts.models import Team, User
from panel.accounts.roles import Role
from panel.accounts.roster import Place, ensure_user
from panel.inventory.models import Container, Image
from panel.operations.models import Operation
from tests.panel.web.people import Browser, Create

PART = {"HX-Request": "true"}
OF_A_CONTAINER = ("", "logs/", "processes/", "operations/", "remove/", "name/", "limits/")
VERBS = ("start", "stop", "restart", "rename", "kill", "pause", "resume", "delete")


def text(answer: Any) -> str:
    """Return a page without what differs at every answer by design: the CSRF token."""
    return re.sub(
        r'(name="csrfmiddlewaretoken" value|data-csrf)="[^"]+"', "", answer.content.decode()
    )


def test_the_whole_team_sees_its_containers(
    created: Create, alice: Actor, bob: Actor, vera: Actor, browser: Browser
) -> None:
    created(name="quay")

    for actor in (alice, bob, vera):
        assert "quay" in browser(actor).get("/containers/").content.decode()


def test_charlie_sees_nothing_of_the_harbour(
    created: Create, charlie: Actor, browser: Browser
) -> None:
    created(name="quay")
    client = browser(charlie)

    for address in ("/containers/", "/images/", "/operations/", "/palette/?q=quay", "/account/"):
        assert "quay" not in client.get(address).content.decode().replace("?q=quay", "")


@pytest.mark.parametrize("rest", OF_A_CONTAINER)
def test_a_foreign_container_looks_like_a_missing_one(
    created: Create, charlie: Actor, browser: Browser, rest: str
) -> None:
    foreign, missing = created(name="quay"), "0" * 32
    client = browser(charlie)

    answers = [client.get(f"/containers/{name}/{rest}") for name in (foreign, missing, "quay")]

    assert {answer.status_code for answer in answers} == {404}
    pages = {
        text(answer).replace(foreign, missing).replace("/quay/", f"/{missing}/")
        for answer in answers
    }
    assert len(pages) == 1


@pytest.mark.parametrize("verb", VERBS)
def test_nobody_changes_a_foreign_container(
    created: Create, charlie: Actor, browser: Browser, verb: str
) -> None:
    container = created()
    before = Operation.objects.count()

    answer = browser(charlie).post(f"/containers/{container}/{verb}/")

    assert answer.status_code == 404
    assert Operation.objects.count() == before


def test_a_foreign_operation_looks_like_a_missing_one(
    created: Create, charlie: Actor, browser: Browser
) -> None:
    created()
    foreign = Operation.objects.get().pk
    client = browser(charlie)

    for rest in ("", "toast/"):
        answers = [client.get(f"/operations/{name}/{rest}") for name in (foreign, "0" * 32)]
        assert {answer.status_code for answer in answers} == {404}
    for rest in ("cancel/", "dismiss/"):
        assert client.post(f"/operations/{foreign}/{rest}").status_code == 404


def test_a_foreign_image_cannot_be_deleted(starter: None, charlie: Actor, browser: Browser) -> None:
    image = Image.objects.get()

    answer = browser(charlie).post(
        f"/images/{image.pk}/delete/", {"reference": image.references[0]}
    )

    assert answer.status_code == 404
    assert not Operation.objects.exists()


@pytest.mark.parametrize("verb", VERBS)
def test_a_viewer_sees_no_buttons_and_may_not_press_them(
    created: Create, vera: Actor, browser: Browser, verb: str
) -> None:
    container = created(name="quay")
    before = Operation.objects.count()
    client = browser(vera)

    answer = client.post(f"/containers/{container}/{verb}/", headers=PART)

    assert answer.status_code == 403
    assert Operation.objects.count() == before
    assert f"/{verb}/" not in client.get(f"/containers/{container}/").content.decode()


def test_stop_without_javascript_leads_back_with_a_word(
    created: Create, bob: Actor, browser: Browser
) -> None:
    container = created(name="quay")
    client = browser(bob)

    answer = client.post(
        f"/containers/{container}/stop/", headers={"Referer": "http://testserver/containers/"}
    )

    operation = Operation.objects.get(kind="container.stop")
    assert (answer.status_code, answer["Location"]) == (302, "http://testserver/containers/")
    page = client.get("/containers/").content.decode()
    assert "Stopping quay" in page
    assert f"/operations/{operation.pk}/" in page


def test_stop_with_javascript_answers_with_a_toast_only(
    created: Create, bob: Actor, browser: Browser
) -> None:
    container = created(name="quay")

    answer = browser(bob).post(f"/containers/{container}/stop/", headers=PART)

    page = answer.content.decode()
    assert answer.status_code == 200
    assert page.lstrip().startswith('<div id="toasts"')
    assert "Stopping quay" in page


def test_the_operation_of_a_button_is_the_persons_own(
    created: Create, bob: Actor, browser: Browser
) -> None:
    container = created()

    browser(bob).post(f"/containers/{container}/kill/")

    operation = Operation.objects.get(kind="container.kill")
    assert (operation.user_id, operation.team_id) == (bob.user_id, bob.team_id)


def test_a_paused_container_offers_to_go_on(
    created: Create, bob: Actor, browser: Browser, drain: Callable[[], object]
) -> None:
    container = created()
    running = browser(bob).get(f"/containers/{container}/").content.decode()
    browser(bob).post(f"/containers/{container}/pause/")
    drain()
    paused = browser(bob).get(f"/containers/{container}/").content.decode()

    assert (f"pause-{container}" in running, f"resume-{container}" in running) == (True, False)
    assert (f"pause-{container}" in paused, f"resume-{container}" in paused) == (False, True)
    assert f"stop-{container}" in paused


def test_a_name_is_asked_for_and_given(
    created: Create, bob: Actor, browser: Browser, drain: Callable[[], object]
) -> None:
    container = created(name="quay")
    asked = browser(bob).get(f"/containers/{container}/name/").content.decode()
    answer = browser(bob).post(f"/containers/{container}/rename/", {"name": " pier "})
    drain()

    assert 'value="quay"' in asked
    assert answer["Location"] == f"/containers/{container}/"
    assert "<h1>pier</h1>" in browser(bob).get(f"/containers/{container}/").content.decode()


def test_a_form_without_csrf_token_changes_nothing(created: Create, alice: Actor) -> None:
    container = created()
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(pk=alice.user_id))

    answer = client.post(f"/containers/{container}/stop/")

    assert answer.status_code == 403
    assert "This form is too old" in answer.content.decode()
    assert not Operation.objects.filter(kind="container.stop").exists()


def test_lists_show_what_runs_without_reading_whole_records(
    created: Create, starter: None, alice: Actor, browser: Browser
) -> None:
    container = created("sleep", "1000", name="quay", env={"A": "b" * 10_000})

    listed = browser(alice).get("/containers/")
    hidden = browser(alice).get("/containers/?q=other", headers={**PART, "X-Known-Rows": container})
    images = browser(alice).get("/images/")

    assert "sleep 1000" in listed.content.decode()
    rows = [*listed.context["rows"], *hidden.context["rows"]]
    rows += [user for image in images.context["rows"] for user in image.users]
    assert [row.name for row in rows] == ["quay"] * 3
    assert all("record" in row.get_deferred_fields() for row in rows)
    done = browser(alice).get("/operations/").context["rows"]
    assert [row.target_name for row in done] == ["quay"]
    assert all("params" in row.get_deferred_fields() for row in done)


def test_a_search_narrows_the_list(created: Create, alice: Actor, browser: Browser) -> None:
    created(name="quay")
    created(name="pier")
    client = browser(alice)

    page = client.get("/containers/?q=qua").content.decode()

    assert 'data-name="quay"' in page
    assert 'data-name="pier"' not in page
    assert (
        'data-name="pier"' in client.get("/containers/?q=state:running+name:pier").content.decode()
    )
    assert "No container fits" in client.get("/containers/?q=state:exited").content.decode()


def test_a_live_page_gets_its_known_rows_though_the_search_lost_them(
    created: Create, alice: Actor, browser: Browser
) -> None:
    gone, kept = created(name="quay"), created(name="pier")
    Container.objects.filter(pk=gone).update(deleted=True)
    headers = {**PART, "X-Known-Rows": f"{gone},{kept}"}

    page = browser(alice).get("/containers/?q=nothing", headers=headers).content.decode()

    assert f'id="row-{kept}"' in page
    assert re.search(rf'id="row-{gone}" data-name="quay" data-state="deleted"', page)


def test_known_rows_never_show_a_foreign_container(
    created: Create, charlie: Actor, browser: Browser
) -> None:
    container = created(name="quay")

    page = browser(charlie).get("/containers/", headers={**PART, "X-Known-Rows": container})

    assert "quay" not in page.content.decode()


def test_the_part_has_the_rows_but_no_frame(
    created: Create, alice: Actor, browser: Browser
) -> None:
    container = created()
    client = browser(alice)

    part = client.get("/containers/", headers=PART)

    assert f'id="row-{container}"' in part.content.decode()
    assert "<html" not in part.content.decode()
    assert "HX-Request" in part["Vary"]
    assert "<html" in client.get("/containers/").content.decode()


def test_one_works_in_the_team_one_chose(
    created: Create, alice: Actor, elsewhere: Team, browser: Browser
) -> None:
    created(name="quay")
    ensure_user("alice", Place(team="elsewhere", role=Role.VIEWER))
    client = browser(alice)
    client.post("/account/team/", {"team": "harbour"})
    here = client.get("/containers/").content.decode()

    answer = client.post("/account/team/", {"team": "elsewhere"})

    assert answer.status_code == 302
    assert 'data-name="quay"' in here
    assert 'data-name="quay"' not in client.get("/containers/").content.decode()


def test_one_cannot_choose_a_team_one_is_not_in(
    alice: Actor, elsewhere: Team, browser: Browser
) -> None:
    client = browser(alice)

    assert client.post("/account/team/", {"team": "elsewhere"}).status_code == 404
    assert client.post("/account/team/", {"team": "none"}).status_code == 404


def test_the_theme_is_rendered_from_the_cookie(alice: Actor, browser: Browser) -> None:
    client = browser(alice)
    client.post("/account/theme/", {"theme": "dark"})

    dark = client.get("/containers/").content.decode()
    client.cookies["theme"] = '"><script>'
    strange = client.get("/containers/").content.decode()

    assert '<html lang="en" data-theme="dark">' in dark
    assert '<html lang="en">' in strange


def test_every_page_has_the_strict_policy(alice: Actor, browser: Browser) -> None:
    policy = browser(alice).get("/containers/")["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_a_name_never_becomes_markup(created: Create, alice: Actor, browser: Browser) -> None:
    container = created("echo", "<script>alert(1)</script>", env={"A": "<img src=x>"})

    page = browser(alice).get(f"/containers/{container}/").content.decode()

    assert "<script>alert" not in page
    assert "<img src=x>" not in page


def test_an_unknown_address_answers_the_same_page_to_strangers(db: None) -> None:
    answer = Client().get("/nowhere/")

    assert answer.status_code == 404
    assert "Nothing is moored here" in answer.content.decode()
