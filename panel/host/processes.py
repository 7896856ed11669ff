"""The processes of the platform: what each is started with. Used by `up` and by systemd's units."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from panel.host import confine, valkey
from panel.host.bootstrap import CHECKOUT
from panel.host.errors import HostRefused
from panel.host.roots import Roots, service_ids
from panel.host.spawn import Program

FAST_THREADS = 16
BULK_PROCESSES = 2
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE")
"""What the children keep of the environment, besides the platform's own variables."""
OWN_VARIABLES = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY")
WEB_STOP_SECONDS = 5.0
BROKER = "valkey"
STAYING = {"MOORAGE_DATABASE_KEPT_SECONDS": "600"}
"""For programs whose threads stay, and with them their connections to the database."""
WEB_VARIABLES = {
    "MOORAGE_DATABASE_WAITING": "4",
    # What it runs is mounted read-only for it.
    "PYTHONDONTWRITEBYTECODE": "1",
}
WORKER_VARIABLES = {
    **STAYING,
    # Celery would load every page's code only to run Django's checks, which the tests run.
    "CELERY_SKIP_CHECKS": "1",
    # Root is what a worker of a container engine needs; what it accepts is judged by its code.
    "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
}
NOTHING_MORE: Mapping[str, str] = {}
ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104  # compared with, never bound to


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the panel is served, and how a browser gets there safely."""

    host: str = "127.0.0.1"
    port: int = 8000
    certificate: str = ""
    key: str = ""
    behind_proxy: bool = False

    @property
    def url(self) -> str:
        """What to type into a browser on this machine."""
        host = "localhost" if self.host in ANY_ADDRESS else self.host
        scheme = "https" if self.certificate else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """Everything that decides how the children of one instance are started."""

    roots: Roots
    node: str
    address: Address
    allowed_hosts: tuple[str, ...]
    checkout: Path = CHECKOUT
    inherited: Mapping[str, str]

    def programs(self) -> tuple[Program, ...]:
        """Return the programs in the order of their start; the broker first, where it is ours."""
        own = () if self.inherited.get("REDIS_URL") else (self._valkey(),)
        return (*own, self._web(), self._agent(), self._fast(), self._bulk())

    def program(self, name: str) -> Program:
        """Return the program called `name`. Raises HostRefused where there is none."""
        for program in self.programs():
            if program.name == name:
                return program
        names = ", ".join(program.name for program in self.programs())
        raise HostRefused(f"there is no process {name}; there are {names}")

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every child: what it was told, and nothing of the starter's shell."""
        kept = {
            name: value
            for name, value in self.inherited.items()
            if name in PASSED_ON or name in OWN_VARIABLES or name.startswith("MOORAGE_")
        }
        return kept | {
            "DJANGO_SETTINGS_MODULE": "panel.settings",
            "DATA_ROOT": self.roots.data,
            "RUN_ROOT": self.roots.run,
            "NODE_NAME": self.node,
            "ALLOWED_HOSTS": ",".join(self.allowed_hosts),
            "MOORAGE_TLS": "1" if self.address.certificate or self.address.behind_proxy else "0",
            "MOORAGE_BEHIND_PROXY": "1" if self.address.behind_proxy else "0",
            "PYTHONUNBUFFERED": "1",
        }

    def _valkey(self) -> Program:
        _, group = service_ids()
        return Program(
            name=BROKER,
            argv=valkey.command(self.roots, valkey.server_binary()),
            environment={"PATH": os.defpath},
            confine=partial(confine.stay_root_without_rights, group),
            death_signal=signal.SIGTERM,  # it writes its file to the end
        )

    def _web(self) -> Program:
        view = confine.WebView(self.checkout, self.roots)
        user, group = service_ids()
        address = self.address
        options = ["--host", address.host, "--port", str(address.port)]
        if address.certificate:
            options += ["--tls-certificate", address.certificate, "--tls-key", address.key]
        if address.behind_proxy:
            options += ["--behind-proxy"]

        def leave_root() -> None:
            view.enter()
            confine.become(user, group)

        return Program(
            name="web",
            argv=(view.python, "-m", "panel.server", *options),
            environment=self.environment | WEB_VARIABLES,
            confine=leave_root,
            stop_seconds=WEB_STOP_SECONDS,
        )

    def _agent(self) -> Program:
        return self._python("agent", "-m", "panel.agent", variables=STAYING)

    def _fast(self) -> Program:
        return self._worker("fast", "--pool", "threads", "--concurrency", str(FAST_THREADS))

    def _bulk(self) -> Program:
        return self._worker("bulk", "--pool", "prefork", "--concurrency", str(BULK_PROCESSES))

    def _worker(self, pool: str, *options: str) -> Program:
        names = ["--queues", f"node.{self.node}.{pool}", "--hostname", f"{pool}@{self.node}"]
        quiet = ["--loglevel", "INFO", "--without-gossip", "--without-mingle"]
        words = (
            "-m",
            "celery",
            "--quiet",
            "-A",
            "panel.celery",
            "worker",
            *names,
            *quiet,
            *options,
        )
        return self._python(pool, *words, variables=WORKER_VARIABLES)

    def _python(
        self, name: str, *words: str, variables: Mapping[str, str] = NOTHING_MORE
    ) -> Program:
        return Program(
            name=name,
            argv=(sys.executable, *words),
            environment={**self.environment, **variables},
            confine=partial(os.chdir, self.checkout),
        )
