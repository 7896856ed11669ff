"""Operations are followed to their end; images tell who uses them."""

from __future__ import annotations

from panel.accounts.actors import Actor
from panel.inventory.models import Image
from panel.operations.models import Operation
from panel.operations.submit import submit
from tests.panel.web.people import Browser, Create, Drain

PART = {"HX-Request": "true"}


def test_the_dock_shows_only_my_own_unfinished_operations(
    created: Create, alice: Actor, bob: Actor, browser: Browser
) -> None:
    container = created(name="quay")
    operation = submit("container.stop", actor=bob, target=container)

    assert f'id="dock-{operation.pk}"' in browser(bob).get("/images/").content.decode()
    assert f'id="dock-{operation.pk}"' not in browser(alice).get("/images/").content.decode()


def test_a_failed_operation_says_why_and_the_way_out_until_dismissed(
    alice: Actor, browser: Browser, drain: Drain
) -> None:
    operation = submit("image.delete", actor=alice, target="none:1")
    drain()
    client = browser(alice)

    page = client.get(f"/operations/{operation.pk}/").content.decode()
    docked = client.get("/containers/").content.decode()
    client.post(f"/operations/{operation.pk}/dismiss/", headers=PART)

    assert "No such image: none:1" in page
    assert "Look at the list for what there is." in page
    assert f'id="dock-{operation.pk}"' in docked
    assert f'id="dock-{operation.pk}"' not in client.get("/containers/").content.decode()


def test_the_toast_follows_an_operation_to_its_end(
    created: Create, alice: Actor, browser: Browser, drain: Drain
) -> None:
    container = created(name="quay")
    operation = submit("container.delete", actor=alice, target=container, params={"force": True})
    client = browser(alice)

    before = client.get(f"/operations/{operation.pk}/toast/").content.decode()
    drain()
    after = client.get(f"/operations/{operation.pk}/toast/").content.decode()

    assert "Deleting quay" in before
    assert "quay was deleted" in after
    assert 'data-follow="final"' in after


def test_a_queued_operation_is_cancelled(created: Create, alice: Actor, browser: Browser) -> None:
    container = created()
    operation = submit("container.stop", actor=alice, target=container)

    answer = browser(alice).post(f"/operations/{operation.pk}/cancel/", headers=PART)

    operation.refresh_from_db()
    assert answer.status_code == 200
    assert operation.status == "cancelled"


def test_cancelling_what_is_over_says_so(created: Create, alice: Actor, browser: Browser) -> None:
    created()
    operation = Operation.objects.get()

    answer = browser(alice).post(f"/operations/{operation.pk}/cancel/", headers=PART)

    assert answer.status_code == 409
    assert "toast bad" in answer.content.decode()


def test_images_show_who_uses_them(
    created: Create, starter: None, alice: Actor, browser: Browser
) -> None:
    created(name="quay")

    page = browser(alice).get("/images/").content.decode()

    assert "1 container" in page
    assert "No image fits" in browser(alice).get("/images/?q=used:no").content.decode()


def test_only_an_admin_deletes_an_image(
    starter: None, alice: Actor, bob: Actor, browser: Browser
) -> None:
    image = Image.objects.get()
    address, form = f"/images/{image.pk}/delete/", {"reference": image.references[0]}

    assert browser(bob).post(address, form, headers=PART).status_code == 403
    assert browser(alice).post(address, form).status_code == 302
    assert Operation.objects.get().target == image.references[0]


def test_only_what_can_be_cancelled_has_a_button(
    created: Create, alice: Actor, browser: Browser
) -> None:
    container = created()
    operation = submit("container.stop", actor=alice, target=container)
    client = browser(alice)

    queued = client.get("/operations/").content.decode()
    Operation.objects.filter(pk=operation.pk).update(status="running")

    assert f"/operations/{operation.pk}/cancel/" in queued
    assert "/cancel/" not in client.get("/operations/").content.decode()
