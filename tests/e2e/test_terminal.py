"""Shells in real containers, typed by a person in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.e2e.browser import PHONE, Person, somebody
from tests.e2e.conftest import Platform
from tests.e2e.test_browser import delete

pytestmark = pytest.mark.e2e


@pytest.fixture
def person(demo_platform: Platform) -> Iterator[Person]:
    """The first administrator, signed in; any violation of the policy fails the test."""
    with somebody(demo_platform.url, demo_platform.login_link()) as signed_in:
        yield signed_in


def opened(person: Person, name: str) -> Page:
    """Create a container and open a shell in it."""
    address = person.create(name, "sleep 1000")
    person.state("Running")
    person.visit(f"{address}terminal/")
    person.page.get_by_role("button", name="Open", exact=True).click()
    connected(person.page)
    shows(person.page, "#")
    return person.page


def connected(page: Page) -> None:
    page.locator("[data-terminal-status]", has_text="Connected").wait_for()


def shows(page: Page, text: str, *, seconds: float = 20) -> None:
    page.locator(".xterm-rows", has_text=text).wait_for(timeout=seconds * 1000)


def enter(page: Page, line: str) -> None:
    page.locator(".xterm-helper-textarea").focus()
    page.keyboard.type(f"{line}\n")


def status(page: Page, text: str) -> None:
    page.locator("[data-terminal-status]", has_text=text).wait_for(timeout=20_000)


def test_a_shell_is_opened_used_and_ended_by_typing(person: Person) -> None:
    page = opened(person, "jetty")
    enter(page, "echo hel''lo $((6*7)); tty; hostname")
    shows(page, "hello 42")
    shows(page, "/dev/pts/0")
    enter(page, "sleep 1000")
    page.wait_for_timeout(300)
    page.keyboard.press("Control+c")
    enter(page, "echo inter''rupted $?")
    shows(page, "interrupted 130")
    enter(page, "exit 3")

    status(page, "ended with exit code 3")
    assert person.violations() == []
    delete(person, "jetty")


def test_the_window_s_size_reaches_the_program(person: Person) -> None:
    page = opened(person, "pier")
    enter(page, "echo width $(stty size | cut -d' ' -f2)-")
    shows(page, "width 1")
    page.set_viewport_size({"width": 700, "height": 700})
    page.wait_for_timeout(500)
    enter(page, "clear; stty size | { read rows columns; [ $columns -lt 100 ] && echo nar''row; }")

    shows(page, "narrow")
    delete(person, "pier")


def test_a_session_survives_the_agent_the_web_process_and_a_reload(
    person: Person, demo_platform: Platform
) -> None:
    page = opened(person, "mole")
    enter(page, "kept=afloat; echo rea''dy")
    shows(page, "ready")
    for process in ("agent", "web"):
        killed = demo_platform.kill(process)
        status(page, "Reconnecting")
        connected(page)
        assert demo_platform.pid(process) != killed
        enter(page, f"echo {process} $kept")
        shows(page, f"{process} afloat")
    page.reload()
    connected(page)
    enter(page, "echo loaded $kept")

    shows(page, "loaded afloat")
    page.keyboard.press("Control+F6")
    page.keyboard.press("Enter")
    status(page, "ended with exit code 129")
    delete(person, "mole")


def test_much_output_is_drawn_to_its_end(person: Person) -> None:
    page = opened(person, "weir")
    enter(page, "seq 1 200000; echo all of i''t")

    shows(page, "all of it", seconds=90)
    shows(page, "199999")
    delete(person, "weir")


def test_another_command_and_user_can_be_chosen(person: Person) -> None:
    address = person.create("lock", "sleep 1000")
    person.state("Running")
    person.visit(f"{address}terminal/")
    page = person.page
    page.get_by_label("Shell").select_option("custom")
    page.get_by_label("Command").fill("id -u")
    page.get_by_label("User").fill("1234")
    page.get_by_role("button", name="Open", exact=True).click()

    shows(page, "1234")
    status(page, "ended with exit code 0")
    page.get_by_label("Command").fill("no-such-program")
    page.get_by_role("button", name="Open", exact=True).click()
    status(page, "no such file or directory")
    delete(person, "lock")


def test_the_terminal_fits_a_phone_in_both_themes(demo_platform: Platform) -> None:
    for scheme in ("light", "dark"):
        with somebody(
            demo_platform.url, demo_platform.login_link(), viewport=PHONE, color_scheme=scheme
        ) as person:
            page = opened(person, f"buoy-{scheme}")
            enter(page, "echo fi''ts")
            shows(page, "fits")

            assert person.overflow() <= 0
            assert person.violations() == []
            delete(person, f"buoy-{scheme}")
