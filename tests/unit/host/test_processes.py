"""How the children are started."""

from __future__ import annotations

from pathlib import Path

import pytest

from panel.host import addresses, processes
from panel.host.confine import WebView
from panel.host.errors import HostRefused
from panel.host.processes import Address, Platform
from panel.host.roots import Roots

ROOTS = Roots("/data", "/run/m")


def platform(inherited: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Platform:
    monkeypatch.setattr(processes, "service_ids", lambda: (999, 999))
    return Platform(
        roots=ROOTS,
        node="here",
        address=Address(),
        allowed_hosts=("localhost",),
        checkout=Path("/root/checkout"),
        inherited=inherited,
    )


def test_the_broker_is_started_first(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [program.name for program in platform({}, monkeypatch).programs()]

    assert names == ["valkey", "web", "agent", "fast", "bulk"]


def test_a_configured_broker_means_none_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = platform({"REDIS_URL": "redis://elsewhere"}, monkeypatch)

    assert "valkey" not in [program.name for program in elsewhere.programs()]


def test_the_broker_listens_on_its_socket_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    argv = platform({}, monkeypatch).program("valkey").argv

    assert argv[argv.index("--port") + 1] == "0"
    assert argv[argv.index("--unixsocket") + 1] == "/run/m/valkey/valkey.sock"
    assert argv[argv.index("--appendonly") + 1] == "yes"


def test_the_shells_variables_do_not_reach_the_children(monkeypatch: pytest.MonkeyPatch) -> None:
    inherited = {"PYTHONPATH": "/evil", "AWS_SECRET": "s", "DATABASE_URL": "postgresql://x"}

    environment = platform(inherited, monkeypatch).environment

    assert "PYTHONPATH" not in environment
    assert "AWS_SECRET" not in environment
    assert environment["DATABASE_URL"] == "postgresql://x"


def test_the_web_process_runs_from_the_neutral_path(monkeypatch: pytest.MonkeyPatch) -> None:
    program = platform({}, monkeypatch).program("web")

    assert program.argv[0] == "/run/m/web/app/.venv/bin/python3"
    assert not any("/root/checkout" in word for word in program.argv)


def test_the_engines_data_is_hidden_from_the_web_process() -> None:
    hidden = WebView(Path("/root/checkout"), ROOTS).hidden

    assert {"/data/engine", "/run/m/engine", "/data/valkey", "/data/backups"} <= set(hidden)


def test_an_unknown_process_is_refused_with_the_known_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(HostRefused, match="valkey, web, agent, fast, bulk"):
        platform({}, monkeypatch).program("cron")


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (Address(), "http://127.0.0.1:8000"),
        (Address(host="0.0.0.0", certificate="c", key="k"), "https://localhost:8000"),
        (Address(host="::1", port=81), "http://[::1]:81"),
    ],
)
def test_the_url_is_what_a_browser_here_can_open(address: Address, url: str) -> None:
    assert address.url == url


def test_addresses_of_the_machine_are_read_from_the_routing_table() -> None:
    trie = """
Local:
  +-- 0.0.0.0/0 3 0 5
     |-- 10.1.2.3
        /32 host LOCAL
     |-- 10.1.2.255
        /32 link BROADCAST
     |-- 127.0.0.1
        /32 host LOCAL
"""

    assert addresses.local_addresses(trie) == ["10.1.2.3", "127.0.0.1"]


def test_a_host_header_spells_ipv6_in_brackets() -> None:
    assert addresses.as_hosts(("localhost", "::1")) == ("localhost", "[::1]")
