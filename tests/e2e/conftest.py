"""The whole platform, started by `manage.py up` on roots and a port of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Error as PlaywrightError

from panel.host.proof.postgres import private_server
from tests.e2e.browser import Person

ROOT = Path(__file__).parents[2]
SHOWN_CHARACTERS = 8000
KEPT = ("PATH", "HOME", "LANG", "TZ", "SSL_CERT_FILE", "TERM")
START_SECONDS = 120.0
STOP_SECONDS = 60.0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the platform said and did, and what the browser showed, below a failed test."""
    report = yield
    if report.when == "call" and report.failed:
        # Whatever is wrong with a platform or the browser now must not hide the failure.
        with suppress(OSError, sqlite3.Error, PlaywrightError):
            for made in RUNNING:
                report.sections.append((f"{made.name} said", made.log[-SHOWN_CHARACTERS:]))
                report.sections.append((f"{made.name} did", made.operations()))
            for value in getattr(item, "funcargs", {}).values():
                if isinstance(value, Person):
                    report.sections.append((f"{value.page.url} shows", value.text()))
    return report


@dataclass(frozen=True)
class Answer:
    """What the panel answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Platform:
    """An instance of the platform, and what tests do with it over and over.

    `token` belongs to the operator `olga` of the team `harbour`; `charlie` is in `elsewhere`.
    """

    name: str
    port: int
    environment: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    token: str = ""
    _process: subprocess.Popen[bytes] | None = None

    @property
    def data_root(self) -> str:
        return f"/var/tmp/{self.name}"

    @property
    def run_root(self) -> str:
        return f"/run/{self.name}"

    @property
    def log(self) -> str:
        """What `up` has printed, over all its starts."""
        return Path(self._log_path).read_text(errors="replace")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def _log_path(self) -> str:
        return f"/tmp/{self.name}.log"

    def start(self) -> None:
        """Run `manage.py up` and return when the page is served."""
        began = len(self.log) if os.path.exists(self._log_path) else 0
        self._process = self.spawn("up", "--port", str(self.port), *self.options)
        self.until(
            lambda: "is served at" in self.log[began:] or self._process_ended(), START_SECONDS
        )
        assert not self._process_ended(), self.log

    def spawn(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a command that goes on; what it prints is in `log`."""
        with open(self._log_path, "ab") as log:
            return subprocess.Popen(
                [sys.executable, str(ROOT / "manage.py"), *words, *self._roots],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._variables,
                start_new_session=True,
            )

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End `up`; containers go on."""
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(STOP_SECONDS)

    def pid(self, name: str) -> int:
        """The pid of a process of the platform: valkey, web, agent, fast, bulk or `up`."""
        if name == "up":
            assert self._process is not None
            return self._process.pid
        return int(self.status()["processes"][name])

    def kill(self, name: str) -> int:
        """Kill a process of the platform with SIGKILL and return the pid it had."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        if name == "up":
            assert self._process is not None
            self._process.wait(STOP_SECONDS)
        return pid

    def status(self) -> dict[str, Any]:
        """What `manage.py status --json` says."""
        ran = self._manage("status", "--json")
        answer: dict[str, Any] = json.loads(ran.stdout)
        return answer

    def manage(self, *words: str) -> str:
        """Run a command and return what it printed; it must succeed."""
        ran = self._manage(*words)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def refused(self, *words: str) -> str:
        """Run a command that must fail and return what it said."""
        ran = self._manage(*words)
        assert ran.returncode != 0, ran.stdout
        return ran.stderr

    def issue_token(self, user: str, *, team: str, role: str = "operator") -> str:
        """Make a user with a role in a team, and return a token."""
        self.manage("team", team)
        self.manage("user", user, "--team", team, "--role", role)
        return self.manage("token", user, "--team", team).split()[-1]

    def login_link(self, user: str | None = None) -> str:
        """A link that signs `user` in once; the first superuser by default."""
        return self.manage("login", *([user] if user else [])).split()[-1]

    def call(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> Answer:
        """Make one request to the REST API; bytes go as they are, anything else as JSON."""
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data=content, method=method)
        request.add_header("Authorization", f"Bearer {token or self.token}")
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        request.add_header("Content-Type", kind)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as refused:
            with refused:
                return Answer(refused.code, dict(refused.headers), refused.read())

    def healthy(self) -> bool:
        """Say whether /healthz is satisfied."""
        try:
            return self.call("GET", "/healthz").status == 200
        except OSError:
            return False

    def operations(self) -> str:
        """The newest operations as the database has them, one a line; it must be SQLite."""
        path = f"{self.data_root}/panel/db.sqlite3"
        if not os.path.exists(path):
            return "not in SQLite"
        with closing(sqlite3.connect(path)) as database:
            rows = database.execute(
                "select number, kind, status, created, started, finished, fence, handed_over, rung,"
                " progress, error from operations_operation order by number desc limit 12"
            )
            return "\n".join(str(row) for row in rows)

    def until(self, holds: Callable[[], Any], seconds: float = 30.0) -> Any:
        """Wait for something to become true and return it."""
        deadline = time.monotonic() + seconds
        while not (found := holds()):
            assert time.monotonic() < deadline, f"waited in vain; up said:\n{self.log[-4000:]}"
            time.sleep(0.05)
        return found

    def remove(self) -> None:
        """Leave nothing of the instance on the machine."""
        if os.path.exists(f"{self.data_root}/serving.lock"):
            self.manage("purge", "--yes")
        if self._process is not None:
            self._process.wait(STOP_SECONDS)
        Path(self._log_path).unlink(missing_ok=True)

    @property
    def _roots(self) -> list[str]:
        return ["--data-root", self.data_root, "--run-root", self.run_root]

    @property
    def _variables(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in KEPT}
        return {**kept, "NODE_NAME": "here", **self.environment}

    def _manage(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *words, *self._roots],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=self._variables,
            check=False,
            timeout=180,
        )

    def _process_ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None


@contextmanager
def a_platform(*options: str, **environment: str) -> Iterator[Platform]:
    """Run a platform with further options of `up` and variables; nothing is left of it."""
    made = Platform(
        name=f"mo-e2e-{os.urandom(3).hex()}",
        port=free_port(),
        options=options,
        environment=environment,
    )
    RUNNING.append(made)
    try:
        made.start()
        made.token = made.issue_token("olga", team="harbour")
        yield made
    finally:
        RUNNING.remove(made)
        made.remove()


RUNNING: list[Platform] = []
"""The platforms of the tests that run now."""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def certificate_of(port: int) -> str:
    """Return the certificate that is served on `port`, PEM."""
    return ssl.get_server_certificate(("127.0.0.1", port))


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of an empty PostgreSQL database."""
    if url := os.environ.get("MOORAGE_TEST_POSTGRES"):
        yield url
        return
    with private_server() as url:
        yield url


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    """A platform that all tests of the session share: make what you need, and delete it."""
    with a_platform() as made:
        yield made


@pytest.fixture(scope="session")
def demo_platform() -> Iterator[Platform]:
    """A platform that was started as the README says, with the demo's container."""
    with a_platform("--demo") as made:
        made.until(lambda: re.search(r"the container demo runs", made.log), 60)
        yield made
