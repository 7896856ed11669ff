"""What of the host a spec shares, and what privileged containers have besides. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from runtime.abi import CAPABILITIES
from runtime.errors import InvalidSpec
from runtime.oci.bundle import Bundle
from runtime.spec.container import ContainerSpec
from runtime.spec.namespaces import HOST, HOST_NAMESPACES, NONE, Namespaces

_CONTAINER = "container:"
_EVERYTHING = (True, "a", None, None, "rwm")


def host_kinds(spec: ContainerSpec) -> tuple[str, ...]:
    """Return the kinds of namespaces that are the host's. Raises InvalidSpec for contradictions.

    Privileged containers have no user namespace: in one, most of what they are for is refused.
    """
    modes: Namespaces = spec.namespaces
    kinds = tuple(
        kind
        for kind in HOST_NAMESPACES
        if getattr(modes, kind) == HOST or (kind == "user" and spec.privileged)
    )
    peers = peer_kinds(spec)
    if peers and "user" in kinds:
        field = "privileged" if spec.privileged else "namespaces.user"
        raise InvalidSpec(field, "contradicts sharing namespaces of another container")
    for field, value in (
        ("hostname", spec.hostname),
        ("network.domainname", spec.network.domainname),
    ):
        if "uts" in (*kinds, *peers) and value is not None:
            raise InvalidSpec(field, "is that of namespaces.uts: leave it out")
    if "network" in kinds and spec.network.disabled:
        raise InvalidSpec("network.disabled", "contradicts namespaces.network host: choose one")
    return kinds


def peer_kinds(spec: ContainerSpec) -> dict[str, str]:
    """Return which kinds of namespaces are another container's, and its id. Raises InvalidSpec."""
    found = {
        kind: mode.removeprefix(_CONTAINER)
        for kind in HOST_NAMESPACES
        if (mode := str(getattr(spec.namespaces, kind))).startswith(_CONTAINER)
    }
    for kind, identity in found.items():
        if not re.fullmatch(r"[0-9a-f]{32}", identity):
            raise InvalidSpec(f"namespaces.{kind}", f"{identity} is not the id of a container")
        if identity != next(iter(found.values())):
            raise InvalidSpec(f"namespaces.{kind}", "is of another container than the first one")
    return found


def shared(spec: ContainerSpec, bundle: Bundle) -> Bundle:
    """Return the bundle with what the spec shares with the host, and what privileged means."""
    kinds = host_kinds(spec)
    changes: dict[str, Any] = {}
    if kinds:
        changes["host_namespaces"] = kinds
    if "user" in kinds:
        changes["id_base"] = 0
    peers = peer_kinds(spec)
    if peers:
        changes |= {"peer": next(iter(peers.values())), "peer_namespaces": tuple(peers)}
    if spec.namespaces.ipc == NONE:
        changes["shm_bytes"] = 0
    if spec.privileged:
        changes |= _privileged(spec, bundle)
    return replace(bundle, **changes) if changes else bundle


def all_capabilities(dropped: frozenset[str]) -> tuple[str, ...]:
    """Return every capability but the dropped ones, `CAP_ALL` is all."""
    return () if "CAP_ALL" in dropped else tuple(n for n in CAPABILITIES if n not in dropped)


def _privileged(spec: ContainerSpec, bundle: Bundle) -> dict[str, Any]:
    """Return what goes without saying; what the spec says counts."""
    rules = (_EVERYTHING, *bundle.resources.device_rules)
    changes: dict[str, Any] = {
        "privileged": True,
        "seccomp": "unconfined",
        "resources": replace(bundle.resources, device_rules=rules),
    }
    for name in ("masked_paths", "readonly_paths"):
        if getattr(spec.security, name) is None:
            changes[name] = ()
    return changes
