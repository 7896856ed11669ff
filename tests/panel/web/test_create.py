"""A container is made by a form that keeps what was typed."""

from __future__ import annotations

from panel.accounts.actors import Actor
from panel.operations.models import Operation
from tests.panel.web.people import Browser, Create


def test_a_created_container_is_led_to(alice: Actor, starter: None, browser: Browser) -> None:
    form = {
        "image": "starter:latest",
        "name": "pier",
        "command": "sleep 5",
        "memory": "64",
        "memory_unit": "MiB",
        "cpus": "0.5",
        "pids": "32",
        "start": "on",
    }

    answer = browser(alice).post("/containers/new/", form)

    operation = Operation.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/containers/{operation.target}/")
    assert operation.params["spec"]["command"] == ["sleep", "5"]
    assert operation.params["spec"]["limits"]["memory_bytes"] == 64 << 20
    assert operation.params["start"] is True


def test_a_wrong_form_keeps_what_was_typed_and_names_the_field(
    alice: Actor, browser: Browser
) -> None:
    form = {
        "image": "starter",
        "name": "two words",
        "command": "sleep 5",
        "memory": "64",
        "memory_unit": "GiB",
        "cpus": "",
        "pids": "32",
        "env-key": ["MODE"],
        "env-value": ["<b>demo"],
    }

    answer = browser(alice).post("/containers/new/", form)

    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="two words"' in page
    assert 'aria-describedby="name-e name-h" aria-invalid="true"' in page
    assert 'id="name-e"' in page
    assert 'value="&lt;b&gt;demo"' in page
    assert "<option selected>GiB" in page
    assert not Operation.objects.exists()


def test_a_name_that_is_taken_is_told_at_its_field(
    created: Create, alice: Actor, browser: Browser
) -> None:
    created(name="quay")
    form = {"image": "starter", "name": "quay", "memory_unit": "MiB"}

    answer = browser(alice).post("/containers/new/", form)

    assert answer.status_code == 422
    assert 'id="name-e"' in answer.content.decode()


def test_a_viewer_gets_no_create_form(vera: Actor, browser: Browser) -> None:
    client = browser(vera)

    assert client.get("/containers/new/").status_code == 403
    assert client.post("/containers/new/", {"image": "starter"}).status_code == 403
    assert "/containers/new/" not in client.get("/containers/").content.decode()
