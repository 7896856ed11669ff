"""A person clicks through the whole platform: real browser, real worker, real containers."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.browser import PHONE, Person, docker_archive, somebody
from tests.e2e.conftest import Platform

pytestmark = pytest.mark.e2e

COUNTING = "sh -c 'i=0; while :; do i=$((i+1)); echo line $i; sleep 0.05; done'"
LAGS = """async (wanted) => {
    const lags = [];
    await new Promise((done) => {
        const note = (line) => {
            lags.push(Date.now() - Date.parse(line.firstChild.title));
            if (lags.length === wanted) done();
        };
        new MutationObserver((changes) => {
            for (const change of changes) {
                for (const node of change.addedNodes) {
                    if (node.matches?.(".line")) note(node);
                    else node.querySelectorAll?.(".line").forEach(note);
                }
            }
        }).observe(document.querySelector(".log"), { childList: true, subtree: true });
    });
    return lags;
}"""


@pytest.fixture
def person(demo_platform: Platform) -> Iterator[Person]:
    """The first administrator, signed in."""
    with somebody(demo_platform.url, demo_platform.login_link()) as signed_in:
        yield signed_in


def test_a_container_is_created_watched_and_stopped_by_clicks(person: Person) -> None:
    page = person.page
    person.create("quay", COUNTING)
    person.state("Running")

    page.get_by_role("link", name="Logs", exact=True).click()
    page.locator(".log .line", has_text=re.compile(r"line 5$")).wait_for()
    page.get_by_role("button", name="Kill").click()
    person.state("Exited 137")

    page.locator(".log .line.end").wait_for()
    page.get_by_role("button", name="Start", exact=True).click()
    person.state("Running")
    page.get_by_role("button", name="Stop", exact=True).click()
    person.state("Exited", seconds=20)
    page.locator(".toast.good", has_text="quay stopped").wait_for()
    delete(person, "quay")


def test_a_log_line_reaches_the_browser_at_once(person: Person) -> None:
    address = person.create("ferry", COUNTING)
    person.visit(f"{address}logs/")
    person.page.locator(".log .line").first.wait_for()

    lags = sorted(person.page.evaluate(LAGS, 100))

    assert lags[50] < 100, lags
    delete(person, "ferry")


def test_the_list_updates_itself_and_rows_do_not_jump(
    person: Person, demo_platform: Platform
) -> None:
    person.create("gull", "sleep 1000")
    person.state("Running")
    person.visit("/containers/")
    before = person.page.locator("tbody tr").evaluate_all("rows => rows.map(row => row.id)")

    with somebody(demo_platform.url, demo_platform.login_link(), beside=person) as other:
        other.create("heron", "sleep 1000")
        person.page.get_by_role("button", name="1 new, show").wait_for()
        other.visit("/containers/")
        other.page.get_by_label("Stop gull").click()
        person.page.locator("tr[data-name=gull]", has_text="Stopping").wait_for()
        delete(other, "gull")
    person.page.locator("tr[data-name=gull]", has_text="Deleted").wait_for()

    assert before == person.page.locator("tbody tr").evaluate_all("rows => rows.map(row => row.id)")
    person.page.get_by_role("button", name="1 new, show").click()
    person.page.locator("tr[data-name=heron]").wait_for()
    delete(person, "heron")


def test_figures_move_limits_change_and_processes_are_listed(person: Person) -> None:
    page = person.page
    person.create("petrel", "sh -c 'while :; do :; done'")
    person.state("Running")
    cpu = page.locator("[data-figure=cpu]")
    cpu.locator("[data-value]", has_text=re.compile(r"^[1-9]\d* %$")).wait_for()
    page.locator("[data-figure=memory] [data-value]", has_text="iB").wait_for()
    described = cpu.get_by_role("img").get_attribute("aria-label") or ""
    assert re.match(r"CPU: now \S+ %, between", described), described

    page.get_by_role("link", name="Limits", exact=True).click()
    page.get_by_label("CPU", exact=True).fill("0.2")
    page.get_by_role("button", name="Change limits").click()
    cpu.locator("[data-note]", has_text="Throttled in").wait_for()

    page.get_by_role("link", name="Processes", exact=True).click()
    page.locator(".processes tbody tr", has_text="while :; do :; done").wait_for()
    page.get_by_role("button", name="Kill").click()
    person.state("Exited 137")
    page.get_by_text("It does not run, so it has no processes").wait_for()
    delete(person, "petrel")


def test_an_uploaded_archive_becomes_a_container(person: Person, tmp_path: Path) -> None:
    archive = tmp_path / "greeting.tar"
    archive.write_bytes(docker_archive("greeting:1.0"))
    page = person.page
    person.visit("/images/upload/")
    page.get_by_label("Image archive").set_input_files(archive)
    page.get_by_role("button", name="Upload").click()
    page.locator("#operation .status", has_text="Succeeded").wait_for()

    person.visit("/images/")
    page.get_by_role("row", name=re.compile("greeting:1.0")).get_by_role("link", name="Run").click()
    page.get_by_label("Name", exact=True).fill("tern")
    page.get_by_role("button", name="Create container").click()
    person.state("Exited 0")
    page.get_by_role("link", name="Logs", exact=True).click()

    page.locator(".log .line", has_text="moored from an upload").wait_for()
    delete(person, "tern")
    person.visit("/images/")
    page.get_by_label("Delete greeting:1.0").click()
    page.get_by_role("button", name="Delete image").click()
    page.locator("tr", has_text="greeting:1.0").wait_for(state="detached")


def test_what_is_no_archive_is_refused_with_a_reason(person: Person, tmp_path: Path) -> None:
    archive = tmp_path / "letter.tar"
    archive.write_bytes(b"Dear harbour master" * 1000)
    person.visit("/images/upload/")
    person.page.get_by_label("Image archive").set_input_files(archive)
    person.page.get_by_role("button", name="Upload").click()

    person.page.locator("#operation .status", has_text="Failed").wait_for()

    assert person.page.locator(".banner.bad p").text_content()


def test_an_open_page_is_right_soon_after_the_web_process_was_killed(
    person: Person, demo_platform: Platform
) -> None:
    person.create("swan", "sleep 2")
    person.state("Running")
    killed = demo_platform.pid("web")

    os.kill(killed, signal.SIGKILL)
    began = time.monotonic()
    person.state("Exited 0", seconds=10)

    assert time.monotonic() - began < 6
    person.page.locator("#live[data-link=live]").wait_for(timeout=6000)
    demo_platform.until(lambda: demo_platform.pid("web") != killed)
    delete(person, "swan")


def test_a_log_goes_on_where_it_was_after_the_web_process_was_killed(
    person: Person, demo_platform: Platform
) -> None:
    address = person.create("wader", COUNTING)
    person.visit(f"{address}logs/")
    person.page.locator(".log .line", has_text=re.compile(r"line 10$")).wait_for()

    demo_platform.kill("web")
    person.page.locator(".log .line", has_text=re.compile(r"line 200$")).wait_for(timeout=30_000)
    lines = person.page.locator(".log .line > :last-child").all_text_contents()

    assert lines[:200] == [f"line {number}" for number in range(1, 201)]
    delete(person, "wader")


def test_everything_important_works_without_javascript(demo_platform: Platform) -> None:
    link = demo_platform.login_link()
    with somebody(demo_platform.url, link, java_script_enabled=False) as person:
        page = person.page
        person.create("auk", "sleep 1000")
        demo_platform.until(lambda: page.reload() and page.get_by_text("Running").count())

        person.visit("/containers/")
        page.get_by_label("Filter containers").fill("name:auk")
        page.get_by_role("button", name="Filter").click()
        assert page.locator("tbody tr").count() == 1
        page.get_by_label("Delete auk").click()
        page.get_by_role("button", name="Delete container").click()

        page.wait_for_url("**/containers/", wait_until="load")
        demo_platform.until(lambda: page.reload() and not page.get_by_label("Delete auk").count())


def test_the_keyboard_is_enough(person: Person) -> None:
    page = person.page
    person.create("knot", "sleep 1000")
    person.state("Running")

    page.keyboard.press("g")
    page.keyboard.press("c")
    page.wait_for_url("**/containers/")
    page.keyboard.press("/")
    page.keyboard.type("knot")
    page.wait_for_url("**/?q=knot")
    page.locator("tbody tr").nth(1).wait_for(state="detached")
    page.keyboard.press("Tab")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/containers/*/")
    page.keyboard.press("Control+k")
    page.keyboard.type("logs of knot")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Kill").focus()
    page.keyboard.press("Enter")
    person.state("Exited 137")

    assert page.locator("#palette").is_hidden()
    delete(person, "knot")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("screen", ["wide", "phone"])
def test_every_page_is_accessible(demo_platform: Platform, theme: str, screen: str) -> None:
    looks: dict[str, Any] = {"color_scheme": theme}
    if screen == "phone":
        looks |= {"viewport": PHONE, "has_touch": True}
    found: list[str] = []
    with somebody(demo_platform.url, demo_platform.login_link(), **looks) as person:
        name = f"plover-{theme}-{screen}"
        address = person.create(name, "sh -c 'echo hello; exit 3'")
        person.state("Exited 3")
        person.visit("/operations/")
        operation = person.page.locator("tbody a[data-go=open]").first.get_attribute("href")
        pages = ["/containers/", "/containers/?q=nothing-fits", address, f"{address}logs/"]
        pages += [f"{address}processes/", f"{address}limits/", f"{address}name/"]
        pages += [f"{address}operations/", f"{address}remove/", "/containers/new/", "/images/"]
        pages += ["/images/upload/", "/operations/", str(operation), "/account/", "/nowhere/"]
        for path in pages:
            person.visit(path)
            person.page.wait_for_timeout(150)
            found += [f"{path} {wrong}" for wrong in person.violations()]
            found += [f"{path} scrolls sideways"] if person.overflow() > 0 else []
        found += dialogs(person)
        delete(person, name)
    assert found == []


def dialogs(person: Person) -> list[str]:
    """Return what is wrong with the palette, the keys and the delete dialog."""
    person.visit("/containers/")
    found = []
    for opened, key in (("#palette", "Control+k"), ("#keys", "?")):
        person.page.keyboard.press(key)
        person.page.locator(opened).wait_for()
        person.page.wait_for_timeout(200)
        found += [f"{opened} {wrong}" for wrong in person.violations()]
        person.page.keyboard.press("Escape")
        person.page.locator(opened).wait_for(state="hidden")
    person.page.locator("[aria-label^='Delete ']").first.click()
    found += [f"#delete {wrong}" for wrong in person.violations()]
    person.page.keyboard.press("Escape")
    return found


def delete(person: Person, name: str) -> None:
    """Delete a container by its dialog and wait until it is gone."""
    person.visit(f"/containers/?q=name:{name}")
    person.page.get_by_label(f"Delete {name}", exact=True).click()
    person.page.get_by_role("button", name="Delete container").click()
    row = person.page.locator(f"tr[data-name={name}]")
    person.page.wait_for_load_state()
    deleted = row.get_by_text("Deleted").or_(person.page.get_by_text("No container fits"))
    deleted.first.wait_for()
