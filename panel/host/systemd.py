"""The units for production: the processes of `up`, started at boot and watched by systemd. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from panel.host.processes import BROKER, Address
from panel.host.roots import Roots

TARGET = "moorage.target"
PREPARE = "moorage-prepare.service"
KEPT_VARIABLES = (
    "DATABASE_URL",
    "REDIS_URL",
    "NODE_NAME",
    "ALLOWED_HOSTS",
    "SECRET_KEY",
    "MOORAGE_ID_BASE",
    "MOORAGE_EVENTS_KEPT_DAYS",
    "MOORAGE_OPERATIONS_KEPT_DAYS",
)
"""Settings that the units carry where they are given; the rest is decided for each process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What the units are written for. `environment` are settings to keep, by variable."""

    checkout: Path
    python: Path
    roots: Roots
    address: Address
    environment: dict[str, str]

    @property
    def processes(self) -> tuple[str, ...]:
        """The processes that get a unit; no broker where another one is configured."""
        broker = () if self.environment.get("REDIS_URL") else (BROKER,)
        return (*broker, "web", "agent", "fast", "bulk")


def kept_of(variables: Mapping[str, str]) -> dict[str, str]:
    """Return those of `variables` that the units have to carry: empty text is not given."""
    return {name: variables[name] for name in KEPT_VARIABLES if variables.get(name)}


def units(installation: Installation) -> dict[str, str]:
    """Return every unit by file name."""
    written = {TARGET: _target(installation), PREPARE: _prepare(installation)}
    for name in installation.processes:
        written[_unit(name)] = _service(installation, name)
    return written


def _target(installation: Installation) -> str:
    wanted = " ".join(_unit(name) for name in installation.processes)
    return _lines(
        "[Unit]",
        "Description=Moorage, a container platform",
        f"Wants={wanted}",
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    )


def _prepare(installation: Installation) -> str:
    return _lines(
        "[Unit]",
        "Description=Moorage: directories, secrets and database",
        "After=network-online.target local-fs.target postgresql.service",
        "Wants=network-online.target",
        f"PartOf={TARGET}",
        "",
        "[Service]",
        "Type=oneshot",
        "RemainAfterExit=yes",
        *_environment(installation),
        f"ExecStart={_command(installation, 'prepare')}",
    )


def _service(installation: Installation, name: str) -> str:
    needed = [PREPARE]
    if BROKER in installation.processes and name != BROKER:
        needed.append(_unit(BROKER))
    own = {"web": _address_options(installation.address)}.get(name, [])
    return _lines(
        "[Unit]",
        f"Description=Moorage: {name}",
        f"Requires={PREPARE}",
        f"After={' '.join(needed)}",
        f"PartOf={TARGET}",
        "",
        "[Service]",
        *_environment(installation),
        f"ExecStart={_command(installation, 'process', name, *own)}",
        "Restart=always",
        "RestartSec=1",
        "TimeoutStopSec=30",
        # Shims and containers that were begun here live on: only the process itself is ended.
        "KillMode=process",
        "Delegate=yes",
        "LimitNOFILE=65536",
        "TasksMax=infinity",
    )


def _unit(name: str) -> str:
    return f"moorage-{name}.service"


def _command(installation: Installation, *words: str) -> str:
    roots = ["--data-root", installation.roots.data, "--run-root", installation.roots.run]
    manage = installation.checkout / "manage.py"
    # systemd.service(5): a percent sign begins a specifier, a dollar sign a variable.
    line = shlex.join([str(installation.python), str(manage), *words, *roots])
    return line.replace("%", "%%").replace("$", "$$")


def _environment(installation: Installation) -> Sequence[str]:
    kept = installation.environment
    return [f'Environment="{name}={_quoted(kept[name])}"' for name in sorted(kept)]


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")


def _address_options(address: Address) -> list[str]:
    words = ["--host", address.host, "--port", str(address.port)]
    if address.behind_proxy:
        words.append("--behind-proxy")
    if address.certificate:
        words += ["--tls-cert", address.certificate, "--tls-key", address.key]
    return words


def _lines(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)
