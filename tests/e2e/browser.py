"""A person in front of Chromium, signed in, who notices every complaint of the browser."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
)
WIDE = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
# axe's own names of WCAG 2.2 A and AA, and its best practices.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@dataclass
class Person:
    """An open page, and everything the browser complained of on it."""

    url: str
    page: Page
    complaints: list[str] = field(default_factory=list)

    def visit(self, path: str) -> None:
        self.page.goto(f"{self.url}{path}")

    def state(self, words: str, *, seconds: float = 40) -> None:
        """Wait until the container's page says so, by itself; other tests measure how soon."""
        shown = self.page.locator("#container-head .status", has_text=words)
        shown.wait_for(timeout=seconds * 1000)

    def text(self) -> str:
        """Return what the page says."""
        return self.page.locator("body").inner_text(timeout=1000)

    def create(self, name: str, command: str, *, image: str = "starter") -> str:
        """Fill the form and return the address of the new container's page."""
        self.visit("/containers/new/")
        for label, text in (("Image", image), ("Name", name), ("Command", command)):
            self.page.get_by_label(label, exact=True).fill(text)
        self.page.get_by_role("button", name="Create container").click()
        self.page.get_by_role("heading", name=name).wait_for()
        return self.page.url.removeprefix(self.url)

    def violations(self) -> list[str]:
        """Return what axe finds wrong, one line each."""
        options: dict[str, Any] = {"runOnly": {"type": "tag", "values": RULES}}
        found = Axe().run(self.page, options=options).response["violations"]
        return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]

    def overflow(self) -> int:
        """Return by how many pixels the page scrolls sideways."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a browser of its own."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield running
        running.close()


@contextmanager
def somebody(
    url: str, link: str, *, beside: Person | None = None, **context: Any
) -> Iterator[Person]:
    """Sign in by a one-time link; complaints of the browser fail the test.

    Whoever sits `beside` somebody uses their browser, with a session of their own.
    """
    with ExitStack() as stack:
        shared = beside.page.context.browser if beside is not None else None
        browser = shared or stack.enter_context(chromium())
        page = browser.new_context(**{"viewport": WIDE, **context}).new_page()
        person = Person(url, page)
        page.on("console", lambda told: _note(person, told.type, told.text))
        page.on("pageerror", lambda error: person.complaints.append(str(error)))
        page.goto(link)
        if context.get("java_script_enabled") is False:
            page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/containers/")
        yield person
        page.context.close()
    assert person.complaints == []


def docker_archive(reference: str) -> bytes:
    """Return what `docker save` would write for an image of one layer: busybox and a greeting."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        _add(tar, "bin/busybox", Path("/bin/busybox").read_bytes(), 0o755)
        _add(tar, "greeting", b"moored from an upload\n", 0o644)
    digest = sha256(layer.getvalue()).hexdigest()
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["/bin/busybox", "cat", "/greeting"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        }
    ).encode()
    name = f"{sha256(config).hexdigest()}.json"
    manifest = [{"Config": name, "RepoTags": [reference], "Layers": ["layer.tar"]}]
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        _add(tar, name, config, 0o644)
        _add(tar, "layer.tar", layer.getvalue(), 0o644)
        _add(tar, "manifest.json", json.dumps(manifest).encode(), 0o644)
    return whole.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def _note(person: Person, kind: str, text: str) -> None:
    # A killed panel and a refused form are told by Chromium's network log; they are no faults.
    network = text.startswith("Failed to load resource") or "WebSocket connection" in text
    if kind in ("error", "warning") and not network:
        person.complaints.append(text)
