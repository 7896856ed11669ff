"""The terminal page in Chromium: the test is the far end of its socket, the rest is real."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, WebSocketRoute, sync_playwright
from pytest_django.live_server_helper import LiveServer

from panel.accounts.actors import Actor
from tests.panel.web.people import Browser, Create
from tests.panel.web.test_log_in_a_browser import CHROMIUM, FLAGS, signed_in_cookie

pytestmark = pytest.mark.django_db(transaction=True)
WATCH_POLICY = """
    window.violations = [];
    addEventListener("securitypolicyviolation", (event) =>
        window.violations.push(`${event.violatedDirective} ${event.sample} ${event.blockedURI}`));
"""
INPUT_AHEAD = 64 * 1024


@dataclass
class FarEnd:
    """The server's side of a session's socket."""

    sockets: list[WebSocketRoute] = field(default_factory=list)
    queries: list[dict[str, list[str]]] = field(default_factory=list)
    orders: list[dict[str, Any]] = field(default_factory=list)
    typed: bytes = b""
    offset: int = 0

    def accept(self, socket: WebSocketRoute) -> None:
        self.sockets.append(socket)
        self.queries.append(parse_qs(urlsplit(socket.url).query))
        socket.on_message(self.hear)

    def hear(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.typed += message
        else:
            self.orders.append(json.loads(message))

    def tell(self, **message: Any) -> None:
        self.sockets[-1].send(json.dumps(message))

    def open(self, *, received: int = 0, taken: int = 0) -> None:
        self.tell(type="open", offset=self.offset, received=received, taken=taken, tty=True)

    def show(self, text: str) -> None:
        self.offset += len(text.encode())
        self.sockets[-1].send(b"\x01" + text.encode())

    @property
    def sizes(self) -> list[dict[str, Any]]:
        return [one for one in self.orders if one["type"] == "resize"]

    @property
    def acknowledged(self) -> int:
        return max((one["offset"] for one in self.orders if one["type"] == "ack"), default=0)


@dataclass
class Visit:
    """An open terminal and what went wrong on its page."""

    page: Page
    far: FarEnd

    def wait_for(self, text: str) -> None:
        self.page.locator(".xterm-rows", has_text=text).wait_for()

    def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not holds():
            assert time.monotonic() < deadline, "waited in vain"
            self.page.wait_for_timeout(20)

    def status(self, text: str) -> None:
        self.page.locator("[data-terminal-status]", has_text=text).wait_for()


@pytest.fixture(autouse=True)
def loop_beside_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright keeps an event loop in this thread, which Django would take for an async view."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture
def visit(
    live_server: LiveServer, created: Create, alice: Actor, browser: Browser
) -> Iterator[Visit]:
    """Open a terminal as Alice; nothing may violate the content security policy."""
    container = created(name="quay")
    session = signed_in_cookie(browser(alice))
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = chromium.new_context(viewport={"width": 1200, "height": 800})
        context.add_init_script(WATCH_POLICY)
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page, far, complaints = context.new_page(), FarEnd(), list[str]()
        page.on(
            "console", lambda told: complaints.append(told.text) if told.type == "error" else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.route_web_socket(re.compile("/sessions/"), far.accept)
        page.route_web_socket(re.compile("/ws/events"), lambda _: None)
        page.goto(f"{live_server.url}/containers/{container}/terminal/")
        page.get_by_role("button", name="Open", exact=True).click()
        visit = Visit(page, far)
        visit.until(lambda: bool(far.sockets))
        far.open()
        visit.status("Connected")
        yield visit
        assert page.evaluate("window.violations") == []
        chromium.close()
        assert complaints == []


def test_what_is_typed_goes_out_and_what_is_printed_is_shown(visit: Visit) -> None:
    visit.page.keyboard.type("ls\n")
    visit.until(lambda: visit.far.typed == b"ls\r")
    visit.far.show("bin  etc\r\n\x1b[31mred\x1b[0m <b>text</b>")
    visit.wait_for("red <b>text</b>")

    visit.until(lambda: visit.far.acknowledged == visit.far.offset)
    assert visit.page.locator(".xterm-rows b").count() == 0


def test_its_colours_and_measures_apply_under_the_policy(visit: Visit) -> None:
    visit.far.show("plain \x1b[31mred\x1b[0m \x1b[44mblue ground\x1b[0m")
    visit.wait_for("blue ground")
    colour = "element => getComputedStyle(element).color"
    ground = "element => getComputedStyle(element).backgroundColor"

    red = visit.page.locator(".xterm-fg-1", has_text="red")
    plain = visit.page.locator(".xterm-rows")
    assert red.evaluate(colour) != plain.evaluate(colour)
    blue = visit.page.locator(".xterm-bg-4", has_text="blue ground").first
    assert blue.evaluate(ground) not in ("rgba(0, 0, 0, 0)", "transparent")
    assert plain.evaluate("element => getComputedStyle(element).whiteSpace") == "pre"


def test_another_theme_is_taken_over(visit: Visit) -> None:
    colour = "element => getComputedStyle(element).color"
    rows = visit.page.locator(".xterm-rows")
    visit.page.evaluate("document.documentElement.dataset.theme = 'light'")
    visit.page.wait_for_timeout(200)
    light = rows.evaluate(colour)
    visit.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    visit.page.wait_for_timeout(200)

    assert rows.evaluate(colour) != light


def test_the_size_is_told_at_first_and_when_it_changes(visit: Visit) -> None:
    visit.until(lambda: bool(visit.far.sizes))
    before = visit.far.sizes[-1]
    visit.page.set_viewport_size({"width": 800, "height": 600})
    visit.until(lambda: visit.far.sizes[-1] != before)

    assert visit.far.sizes[-1]["columns"] < before["columns"]


def test_a_broken_connection_goes_on_where_it_was(visit: Visit) -> None:
    visit.far.show("before ")
    visit.wait_for("before")
    visit.page.keyboard.type("taken")
    visit.until(lambda: visit.far.typed == b"taken")
    visit.far.tell(type="taken", total=5)
    visit.page.keyboard.type(" lost")
    visit.until(lambda: visit.far.typed == b"taken lost")
    visit.far.typed = b""
    visit.far.sockets[-1].close(code=1011)
    visit.status("Reconnecting")
    visit.page.keyboard.type(" meanwhile")
    visit.until(lambda: len(visit.far.sockets) == 2)
    visit.far.open(received=7, taken=7)

    visit.status("Connected")
    visit.until(lambda: visit.far.typed == b"ost meanwhile")
    assert visit.far.queries[-1]["offset"] == ["7"]
    visit.wait_for("Connection lost, reconnecting")


def test_a_page_that_is_loaded_again_finds_its_session(visit: Visit) -> None:
    visit.far.show("first ")
    visit.wait_for("first")
    visit.page.reload()
    visit.until(lambda: len(visit.far.sockets) == 2)
    visit.far.offset = 0
    visit.far.open(received=3, taken=3)
    visit.far.show("first again")

    visit.wait_for("first again")
    visit.far.typed = b""
    visit.page.locator(".xterm-helper-textarea").focus()
    visit.page.keyboard.type("x")
    visit.until(lambda: visit.far.typed == b"x")


def test_the_end_is_told_and_another_session_can_begin(visit: Visit) -> None:
    visit.far.show("bye\r\n")
    visit.far.tell(type="exit", exit_code=3)

    visit.status("ended with exit code 3")
    visit.wait_for("ended with exit code 3")
    visit.until(lambda: visit.far.acknowledged == visit.far.offset)
    again = visit.page.get_by_role("button", name="Open", exact=True)
    assert again.evaluate("element => element === document.activeElement")
    again.click()
    visit.until(lambda: len(visit.far.sockets) == 2)
    assert visit.far.queries[-1]["offset"] == ["0"]


def test_a_refusal_is_told(visit: Visit) -> None:
    visit.far.tell(type="error", code="invalid_spec", reason="command: bash: no such file")

    visit.status("command: bash: no such file")
    visit.page.locator("form.terminal-form").wait_for()


def test_a_large_paste_waits_until_the_program_takes_it(visit: Visit) -> None:
    visit.page.evaluate(
        """(size) => {
            const data = new DataTransfer();
            data.setData("text/plain", "x".repeat(size));
            document.querySelector(".xterm-helper-textarea").dispatchEvent(
                new ClipboardEvent("paste",
                    { clipboardData: data, bubbles: true, cancelable: true }));
        }""",
        3 * INPUT_AHEAD,
    )
    visit.until(lambda: len(visit.far.typed) == INPUT_AHEAD)
    visit.page.wait_for_timeout(200)
    assert len(visit.far.typed) == INPUT_AHEAD
    visit.far.tell(type="taken", total=INPUT_AHEAD)
    visit.until(lambda: len(visit.far.typed) == 2 * INPUT_AHEAD)
    visit.far.tell(type="taken", total=2 * INPUT_AHEAD)

    visit.until(lambda: visit.far.typed == b"x" * 3 * INPUT_AHEAD)


def test_keys_of_the_page_belong_to_the_program_but_one_leaves(visit: Visit) -> None:
    visit.page.keyboard.press("Control+k")
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.press("/")
    visit.until(lambda: visit.far.typed == b"\x0b\t/")
    visit.page.keyboard.press("Control+F6")

    end = visit.page.get_by_role("button", name="End session")
    assert end.evaluate("element => element === document.activeElement")
    visit.page.keyboard.press("Enter")
    visit.until(lambda: {"type": "close"} in visit.far.orders)
