"""The names and addresses by which this machine can be reached."""

from __future__ import annotations

import ipaddress
import socket

from panel.host.processes import ANY_ADDRESS

ROUTES = "/proc/net/fib_trie"
ADDRESSES_6 = "/proc/net/if_inet6"
ALWAYS = ("localhost", "127.0.0.1", "::1")


def own_names(host: str) -> tuple[str, ...]:
    """Return what may stand in a URL of a panel served on `host`: names, then addresses."""
    names = [*ALWAYS, socket.gethostname(), socket.getfqdn()]
    if host in ANY_ADDRESS:
        names += _addresses()
    else:
        names.append(host)
    return tuple(dict.fromkeys(names))


def as_hosts(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return `names` as a Host header spells them: IPv6 in brackets."""
    return tuple(f"[{name}]" if ":" in name else name for name in names)


def _addresses() -> list[str]:
    with open(ROUTES, encoding="ascii") as file:
        found = local_addresses(file.read())
    try:
        with open(ADDRESSES_6, encoding="ascii") as file:
            packed = [bytes.fromhex(line.split()[0]) for line in file]
    except FileNotFoundError:  # IPv6 is off
        packed = []
    addresses = [ipaddress.IPv6Address(raw) for raw in packed]
    return found + [str(address) for address in addresses if not address.is_link_local]


def local_addresses(trie: str) -> list[str]:
    """Return the addresses that /proc/net/fib_trie marks as this machine's own."""
    found: dict[str, None] = {}
    address = ""
    for line in trie.splitlines():
        words = line.split()
        if words and words[0] == "|--":
            address = words[1]
        elif words[:3] == ["/32", "host", "LOCAL"]:
            found[address] = None
    return list(found)
