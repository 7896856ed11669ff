"""A container's names and networks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, ClassVar

from runtime.errors import InvalidSpec
from runtime.spec import fields
from runtime.spec.topic import (
    TEXT_MAP,
    TEXTS,
    Topic,
    asked,
    by,
    flag,
    mapped,
    matching,
    one,
    one_of,
    several,
    text,
    whole,
)

MOST_SEARCHED = 32
MOST_SERVERS = 16
HOST_GATEWAY = "host-gateway"
_MAC = matching(r"([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}", "a MAC address")
_NETWORK = matching(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}", "the name of a network")
_DOMAIN_TEXT = r"(?=.{1,253}\.?$)[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?"
_SEARCHED = matching(rf"\.|{_DOMAIN_TEXT}", "a domain")
_PROTOCOL = one_of("tcp", "udp", "sctp")
_PORT = whole(0, 65_535)
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})")


def address(path: str, value: Any) -> str:
    """Check for an address of IPv4 or IPv6; returns its usual form."""
    try:
        return str(ip_address(fields.text(path, value)))
    except ValueError:
        raise InvalidSpec(path, f"{value!r} is not an address") from None


def _host_line(path: str, value: Any) -> str:
    """Check for NAME:ADDRESS, or NAME=ADDRESS; returns it with a colon."""
    name, mark, told = re.sub("^([^:=]*)=", r"\1:", fields.text(path, value)).partition(":")
    if not mark or not _HOST.fullmatch(name):
        raise InvalidSpec(path, f"{value!r} is not NAME:ADDRESS")
    told = told.removeprefix("[").removesuffix("]")
    return f"{name}:{told if told == HOST_GATEWAY else address(path, told)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Port(Topic):
    """A port inside: `number` of `protocol` tcp, udp or sctp (Docker Config.ExposedPorts)."""

    PATH: ClassVar[str] = "network.exposed_ports"
    number: int = field(metadata=by(whole(1, 65_535)))
    protocol: str = asked(_PROTOCOL, "tcp")


@dataclass(frozen=True, slots=True, kw_only=True)
class PortBinding(Topic):
    """A port of the host that leads inside: Docker HostConfig.PortBindings.

    `port` inside, `protocol`; at `host_address`, None is all of the host's, and `host_port`, 0 is a
    free one, up to `host_port_end` for a free one of a range.
    """

    PATH: ClassVar[str] = "network.port_bindings"
    port: int = field(metadata=by(whole(1, 65_535)))
    protocol: str = asked(_PROTOCOL, "tcp")
    host_address: str | None = asked(address)
    host_port: int = asked(_PORT, 0)
    host_port_end: int | None = asked(_PORT)

    def validate(self) -> None:
        """Refuse a range that ends before it begins."""
        if self.host_port_end is not None and self.host_port_end < self.host_port:
            raise InvalidSpec(self.path("host_port_end"), "is before host_port")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint(Topic):
    """A place in one network: Docker NetworkingConfig.EndpointsConfig (EndpointSettings).

    `ipv4_address`, `ipv6_address` and `link_local_addresses` are wished for (IPAMConfig),
    `mac_address` too; `aliases` are further names in that network; `links` are CONTAINER:ALIAS;
    `driver_options` are the driver's; where several networks have one, the gateway of the highest
    `gateway_priority` counts (GwPriority).
    """

    PATH: ClassVar[str] = "network.endpoints"
    ipv4_address: str | None = asked(address)
    ipv6_address: str | None = asked(address)
    link_local_addresses: tuple[str, ...] = asked(several(address), ())
    mac_address: str | None = asked(_MAC)
    aliases: tuple[str, ...] = asked(TEXTS, ())
    links: tuple[str, ...] = asked(TEXTS, ())
    driver_options: Mapping[str, str] = asked(TEXT_MAP, {})
    gateway_priority: int = asked(whole(-(1 << 31), (1 << 31) - 1), 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Networking(Topic):
    """Names and networks.

    `disabled` leaves loopback only (NetworkDisabled). `domainname` is its NIS domain (Domainname,
    setdomainname(2)). `dns_servers`, `dns_search` and `dns_options` become lines of
    /etc/resolv.conf (Dns, DnsSearch, DnsOptions, resolv.conf(5)); one search domain `.` is none.
    `extra_hosts` are NAME:ADDRESS lines of /etc/hosts (ExtraHosts, hosts(5)).
    `endpoints` are places in networks by their names. `exposed_ports` are told to others;
    `port_bindings` open ports of the host, `publish_all` all of the exposed (PublishAllPorts).
    `links` are CONTAINER:ALIAS (Links), `mac_address` is the first endpoint's (MacAddress).
    `receive_bits` and `send_bits` are its bandwidth, bits a second.
    """

    PATH: ClassVar[str] = "network"
    disabled: bool = asked(flag, default=False)
    domainname: str | None = asked(matching(r"[A-Za-z0-9][A-Za-z0-9.-]{0,62}", "a domain name"))
    dns_servers: tuple[str, ...] = asked(several(address), ())
    dns_search: tuple[str, ...] = asked(several(_SEARCHED), ())
    dns_options: tuple[str, ...] = asked(several(matching(r"[a-z0-9:_-]{1,64}", "an option")), ())
    extra_hosts: tuple[str, ...] = asked(several(_host_line), ())
    endpoints: Mapping[str, Endpoint] = asked(mapped(_NETWORK, one(Endpoint)), {})
    exposed_ports: tuple[Port, ...] = asked(several(one(Port)), ())
    port_bindings: tuple[PortBinding, ...] = asked(several(one(PortBinding)), ())
    publish_all: bool = asked(flag, default=False)
    links: tuple[str, ...] = asked(several(text), ())
    mac_address: str | None = asked(_MAC)
    receive_bits: int | None = asked(whole(8, 1 << 50))
    send_bits: int | None = asked(whole(8, 1 << 50))

    def validate(self) -> None:
        """Refuse more name servers or domains than resolv.conf(5) can use."""
        if len(self.dns_servers) > MOST_SERVERS:
            raise InvalidSpec("network.dns_servers", f"has more than {MOST_SERVERS}")
        if len(self.dns_search) > MOST_SEARCHED:
            raise InvalidSpec("network.dns_search", f"has more than {MOST_SEARCHED}")
