"""The log page in Chromium: the test is the far end of its socket, the page is the real one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from playwright.sync_api import Page, WebSocketRoute, sync_playwright
from pytest_django.live_server_helper import LiveServer

from panel.accounts.actors import Actor
from tests.panel.web.people import Browser, Create

pytestmark = pytest.mark.django_db(transaction=True)

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
LINES = 100_000
LINES_A_CHUNK = 500
MOST_SECONDS = 15.0
"""What a page may compute for `LINES`: 0.15 ms a line, on a machine that is slow."""


@dataclass
class FarEnd:
    """The server's side of the log socket: sends chunks, hears acknowledgements."""

    sockets: list[WebSocketRoute] = field(default_factory=list)
    queries: list[dict[str, list[str]]] = field(default_factory=list)
    acknowledged: int = 0
    offset: int = 0

    def accept(self, socket: WebSocketRoute) -> None:
        self.sockets.append(socket)
        self.queries.append(parse_qs(urlsplit(socket.url).query))
        socket.on_message(self.hear)

    def hear(self, message: str | bytes) -> None:
        self.acknowledged = json.loads(message)["ack"]

    def send(self, text: str, **more: Any) -> None:
        self.offset += len(text.encode())
        chunk = {"type": "chunk", "stream": "stdout", "time": "2026-11-24T12:00:00.123456+00:00"}
        self.sockets[-1].send(json.dumps({**chunk, "offset": self.offset, "data": text, **more}))


@dataclass
class Visit:
    """An open log page and what went wrong on it."""

    page: Page
    far: FarEnd
    complaints: list[str]

    def lines(self) -> list[str]:
        return self.page.locator(".log .line > :last-child").all_text_contents()

    def wait_for(self, text: str) -> None:
        self.page.locator(".log .line", has_text=text).last.wait_for(state="attached")


class Costs:
    """What a page's main thread computed since then; time that others took does not count."""

    def __init__(self, page: Page) -> None:
        self._devtools = page.context.new_cdp_session(page)
        self._devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
        self._before = self._total()

    def seconds(self) -> float:
        return self._total() - self._before

    def _total(self) -> float:
        metrics = self._devtools.send("Performance.getMetrics")["metrics"]
        return float({one["name"]: one["value"] for one in metrics}["TaskDuration"])


@pytest.fixture(autouse=True)
def loop_beside_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright keeps an event loop in this thread, which Django would take for an async view."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture
def visit(
    live_server: LiveServer, created: Create, alice: Actor, browser: Browser
) -> Iterator[Visit]:
    """Open the log page of a running container, signed in as Alice."""
    container = created(name="quay")
    session = signed_in_cookie(browser(alice))
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = chromium.new_context(viewport={"width": 1200, "height": 800})
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page, far, complaints = context.new_page(), FarEnd(), list[str]()
        page.on(
            "console", lambda told: complaints.append(told.text) if told.type == "error" else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.route_web_socket(re.compile("/ws/containers/"), far.accept)
        page.route_web_socket(re.compile("/ws/events"), lambda _: None)
        page.goto(f"{live_server.url}/containers/{container}/logs/")
        page.locator("[data-follow][aria-pressed=true]").wait_for()
        yield Visit(page, far, complaints)
        chromium.close()
        assert complaints == []


def signed_in_cookie(client: Client) -> str:
    return client.cookies["sessionid"].value


def test_the_log_begins_at_its_last_lines(visit: Visit) -> None:
    assert visit.far.queries[0] == {"tail": ["5000"]}


def test_colours_are_classes_and_markup_stays_text(visit: Visit) -> None:
    visit.far.send("\x1b[1;31mERROR\x1b[0m <img src=x onerror=alert(1)> \x1b[38;5;46mok\x1b[m\n")
    visit.wait_for("ERROR")

    assert visit.lines() == ["ERROR <img src=x onerror=alert(1)> ok"]
    assert visit.page.locator(".log .ansi-red.ansi-bold").text_content() == "ERROR"
    assert visit.page.locator(".log .ansi-green").text_content() == "ok"
    assert visit.page.locator(".log img").count() == 0


def test_no_escape_sequence_leaves_a_trace(visit: Visit) -> None:
    visit.far.send("a\x1b]0;title\x07b\x1b[2Kc\x1b[?25l\x1b(Bd\x1b")
    visit.far.send("[32me\x1b[0mf\x00\n")
    visit.wait_for("abc")

    assert visit.lines() == ["abcdef"]


def test_lines_of_two_streams_are_cut_apart(visit: Visit) -> None:
    visit.far.send("out be")
    visit.far.send("err whole\n", stream="stderr")
    visit.far.send("gun\nnext\n")
    visit.wait_for("next")

    assert visit.lines() == ["out begun", "err whole", "next"]
    assert visit.page.locator(".log [data-stream=stderr]").text_content() == "12:00:00.123err whole"


def test_a_letter_cut_in_two_arrives_whole(visit: Visit) -> None:
    visit.far.send("w4MK", base64=True)
    visit.far.send("aMM=", base64=True)
    visit.far.send("rw==", base64=True)
    visit.far.send("!\n")
    visit.wait_for("!")

    assert visit.lines()[-1] == "\u00efh\u00ef!" or "\ufffd" not in visit.lines()[-1]


def test_a_progress_bar_overwrites_its_own_line(visit: Visit) -> None:
    visit.far.send("10 %\r")
    visit.far.send("20 %\rdone\r\n")
    visit.wait_for("done")

    assert visit.lines() == ["done"]


def test_lost_output_is_a_line_never_silence(visit: Visit) -> None:
    visit.far.send("after\n", gap=12345)
    visit.wait_for("after")

    assert visit.lines()[0].startswith("12,345 bytes are missing here")


def test_scrolling_up_pauses_and_end_follows_again(visit: Visit) -> None:
    visit.far.send("".join(f"line {number}\n" for number in range(300)))
    visit.wait_for("line 299")
    page = visit.page
    page.locator(".log").hover()
    page.mouse.wheel(0, -400)
    page.locator("[data-follow][aria-pressed=false]").wait_for()
    top = page.evaluate("document.querySelector('.log').scrollTop")

    visit.far.send("line 300\nline 301\n")
    page.locator("[data-pill]", has_text="2 new lines").wait_for()

    assert page.evaluate("document.querySelector('.log').scrollTop") == top
    page.keyboard.press("End")
    page.locator("[data-follow][aria-pressed=true]").wait_for()
    assert (
        page.evaluate(
            "(b => b.scrollHeight - b.scrollTop - b.clientHeight)(document.querySelector('.log'))"
        )
        < 40
    )
    assert page.locator("[data-pill]").is_hidden()


def test_a_broken_socket_resumes_where_it_stopped(visit: Visit) -> None:
    visit.far.send("before\n")
    visit.wait_for("before")
    visit.far.sockets[-1].close(code=1011)
    visit.page.locator("[data-log-status]", has_text="Reconnecting").wait_for()
    visit.page.locator("[data-log-status]:empty").wait_for(state="attached")

    visit.far.send("after\n")
    visit.wait_for("after")

    assert visit.far.queries[-1] == {"offset": ["7"]}
    assert visit.lines() == ["before", "after"]


@pytest.mark.parametrize(("code", "most"), [(1011, 7), (4503, 4)])
def test_a_socket_that_opens_and_says_nothing_is_tried_ever_more_slowly(
    visit: Visit, code: int, most: int
) -> None:
    closed = 0

    for _ in range(60):
        for socket in visit.far.sockets[closed:]:
            socket.close(code=code)
            closed += 1
        visit.page.wait_for_timeout(50)

    assert 2 <= len(visit.far.sockets) <= most


def test_the_end_of_a_log_is_told_and_not_reconnected(visit: Visit) -> None:
    visit.far.send("bye\n")
    visit.far.sockets[-1].send(json.dumps({"type": "end"}))
    visit.far.sockets[-1].close(code=1000)
    visit.wait_for("End of the log")
    visit.page.wait_for_timeout(500)

    assert len(visit.far.sockets) == 1


def test_the_link_of_a_line_leads_back_to_it(visit: Visit) -> None:
    visit.far.send("one\n")
    visit.far.send("two\n")
    visit.wait_for("two")
    visit.page.locator(".log").focus()
    visit.page.keyboard.press("ArrowUp")
    visit.page.keyboard.press("ArrowUp")

    link = visit.page.url
    visit.far.offset = 0
    visit.page.goto("about:blank")
    visit.page.goto(link)
    visit.page.locator("[data-follow]").wait_for()
    visit.page.wait_for_timeout(200)
    visit.far.send("one\n")
    visit.far.send("two\n")
    visit.wait_for("two")

    assert link.rsplit("#", 1)[1].startswith("b4-")
    assert visit.far.queries[-1] == {"offset": ["0"]}
    assert visit.page.locator(".log .at").text_content() == "12:00:00.123one"


def test_a_hundred_thousand_lines_cost_little_and_stay_bounded(visit: Visit) -> None:
    costs = Costs(visit.page)

    for first in range(0, LINES, LINES_A_CHUNK):
        text = "".join(
            f"\x1b[32mINFO\x1b[0m GET /cart/{number} 200\n"
            for number in range(first, first + LINES_A_CHUNK)
        )
        visit.far.send(text)
        while visit.far.offset - visit.far.acknowledged > 512 * 1024:
            visit.page.wait_for_timeout(5)
    visit.wait_for(f"/cart/{LINES - 1} ")

    assert visit.far.acknowledged > 0
    assert visit.page.locator(".log .line").count() <= 22_000
    assert costs.seconds() < MOST_SECONDS


def test_a_paused_reader_holds_the_server_back(visit: Visit) -> None:
    visit.far.send("".join(f"line {number}\n" for number in range(200)))
    visit.wait_for("line 199")
    visit.page.locator("[data-follow]").click()
    visit.page.locator(".log").evaluate("(box) => { box.scrollTop = 0; }")

    for _ in range(90):
        visit.far.send("x\n" * 500)
    visit.page.wait_for_timeout(1500)

    assert visit.far.acknowledged < visit.far.offset
    assert visit.page.locator(".log .line").count() <= 23_000


def test_a_container_that_starts_again_goes_on_with_its_log(visit: Visit) -> None:
    visit.far.send("bye\n")
    visit.far.sockets[-1].send(json.dumps({"type": "end"}))
    visit.wait_for("End of the log")
    visit.page.evaluate("""() => {
        const head = document.querySelector('#container-head');
        for (const state of ['exited', 'running']) {
            head.dataset.state = state;
            document.dispatchEvent(new CustomEvent('moorage:patched'));
        }
    }""")
    visit.page.wait_for_timeout(400)

    assert visit.far.queries[-1] == {"offset": ["4"]}
