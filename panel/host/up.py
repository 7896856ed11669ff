"""`manage.py up`: everything from nothing to a served page, and on until it is told to stop."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from django.conf import settings
from django.db import connections

from panel.host import addresses, certificate, database, first_accounts, preflight, probe
from panel.host.bootstrap import CHECKOUT
from panel.host.code import make_readable
from panel.host.errors import HostRefused
from panel.host.identity import ProcessIdentity, boot_id
from panel.host.lock import ServingLock, ServingRecord, read_record
from panel.host.output import Output
from panel.host.processes import ANY_ADDRESS, BROKER, Address, Platform
from panel.host.roots import Roots, keep_node_name, make_directories, make_secrets
from panel.host.service_user import ensure_service_user
from panel.host.spawn import Program
from panel.host.supervisor import Supervisor
from panel.settings.environment import read_secret

STALE_SECONDS = 10.0
SERVED_WITHIN_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Up:
    """What one run of `up` knows."""

    platform: Platform
    output: Output
    demo: bool
    began: float

    def greet(self, status: int) -> None:
        """Tell where the panel is, once it answers."""
        if status != 0:
            self.output.say("the panel does not answer yet; its own lines above say why")
            return
        address = self.platform.address
        took = time.monotonic() - self.began
        self.output.say(f"Moorage is served at {address.url} ({took:.1f} s after the start)")
        if address.certificate:
            shown = certificate.fingerprint(address.certificate)
            self.output.say(f"its certificate has the SHA-256 fingerprint {shown}")
        self.output.say(f"sign in once with {address.url}{first_accounts.login_path()}")
        self.output.say("another link: manage.py login; stop with ctrl-C, containers go on")
        connections.close_all()


def up(roots: Roots, wanted: Address, *, demo: bool) -> None:
    """Serve the platform of `roots` until a signal asks to stop. Raises HostRefused."""
    began = time.monotonic()
    make_roots(roots)
    lock = ServingLock.take(roots)
    try:
        end_stale_children(roots)
        preflight.require_free(wanted)
        platform = prepare(roots, wanted)
        _serve(Up(platform, Output(sys.stdout.buffer), demo, began), lock)
        lock.clear()
    finally:
        lock.release()


def make_roots(roots: Roots) -> None:
    """Make the service user and the directories, on a machine that can run containers."""
    preflight.require_kernel()
    ensure_service_user()
    make_directories(roots)


def prepare(roots: Roots, wanted: Address) -> Platform:
    """Make secrets and certificate, and say how the processes are started."""
    make_readable(CHECKOUT)
    make_secrets(roots)
    keep_node_name(roots, settings.NODE_NAME)
    # Settings were loaded before the secret was there, at the very first start.
    os.environ.setdefault("SECRET_KEY", read_secret(f"{roots.secrets}/secret_key"))
    settings.SECRET_KEY = os.environ["SECRET_KEY"]
    names = addresses.own_names(wanted.host)
    address = wanted
    if not (preflight.is_loopback(wanted.host) or wanted.behind_proxy or wanted.certificate):
        path, key = certificate.self_signed(roots, names)
        address = replace(wanted, certificate=path, key=key)
    given = os.environ.get("ALLOWED_HOSTS", "")
    return Platform(
        roots=roots,
        node=settings.NODE_NAME,
        address=address,
        allowed_hosts=tuple(given.split(",")) if given else addresses.as_hosts(names),
        inherited=dict(os.environ),
    )


def end_stale_children(roots: Roots) -> None:
    """Wait for the children of a killed `up`, whose death has already ended them."""
    record = read_record(roots)
    if record is None:
        return
    deadline = time.monotonic() + STALE_SECONDS
    for child in record.living().values():
        if not child.wait(max(deadline - time.monotonic(), 0)):
            child.send(signal.SIGKILL)
            child.wait(STALE_SECONDS)


def make_current(roots: Roots, output: Output) -> None:
    """Bring the database up to date and make the first accounts."""
    database.migrate(roots, say=output.say)
    first_accounts.ensure_first_accounts()
    connections.close_all()


def _serve(run: Up, lock: ServingLock) -> None:
    roots = run.platform.roots
    record = ServingRecord(
        supervisor=ProcessIdentity.of(os.getpid()),
        boot=boot_id(),
        run_root=roots.run,
        url=run.platform.address.url,
    )
    supervisor = Supervisor(
        run.output, changed=lambda children: lock.write(replace(record, children=children))
    )
    programs = run.platform.programs()
    for program in programs:
        if program.name == BROKER:
            supervisor.keep(program)
    make_current(roots, run.output)
    for program in programs:
        if program.name != BROKER:
            supervisor.keep(program)

    def greet_and_show(status: int) -> None:
        run.greet(status)
        if run.demo and status == 0:
            supervisor.run_once(_demo(run.platform), lambda _: None)

    supervisor.run_once(_probe(run.platform), greet_and_show)
    supervisor.run()
    run.output.say("stopped; containers go on, and the next `manage.py up` finds them")


def _probe(platform: Platform) -> Program:
    address = platform.address
    here = replace(address, host="localhost" if address.host in ANY_ADDRESS else address.host)
    words = ("-I", "-S", str(Path(probe.__file__)), f"{here.url}/sign-in/")
    return Program(
        name="probe",
        argv=(sys.executable, *words, str(SERVED_WITHIN_SECONDS)),
        environment={"PATH": os.defpath},
    )


def _demo(platform: Platform) -> Program:
    words = (str(CHECKOUT / "manage.py"), "demo", "--url", platform.address.url)
    return Program(name="demo", argv=(sys.executable, *words), environment=platform.environment)


def wanted_address(host: str, port: int, *, behind_proxy: bool, tls: tuple[str, str]) -> Address:
    """Return where to serve, as the options of the command say. Raises HostRefused."""
    certificate_path, key = tls
    if bool(certificate_path) != bool(key):
        raise HostRefused("--tls-cert and --tls-key belong together")
    if not 0 < port < 65_536:
        raise HostRefused(f"--port {port} is not a port: 1 to 65535")
    for path in tls:
        if path and not os.access(path, os.R_OK):
            raise HostRefused(f"{path} cannot be read")
    return Address(
        host=host, port=port, certificate=certificate_path, key=key, behind_proxy=behind_proxy
    )
