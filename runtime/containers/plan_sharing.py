"""What of the host a spec shares, and what privileged containers have besides. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from runtime.abi import CAPABILITIES
from runtime.errors import InvalidSpec
from runtime.oci.bundle import Bundle
from runtime.spec.container import ContainerSpec
from runtime.spec.namespaces import HOST, HOST_NAMESPACES, NONE, Namespaces

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
    for field, value in (
        ("hostname", spec.hostname),
        ("network.domainname", spec.network.domainname),
    ):
        if "uts" in kinds and value is not None:
            raise InvalidSpec(field, "is the host's with namespaces.uts host: leave it out")
    if "network" in kinds and spec.network.disabled:
        raise InvalidSpec("network.disabled", "contradicts namespaces.network host: choose one")
    return kinds


def shared(spec: ContainerSpec, bundle: Bundle) -> Bundle:
    """Return the bundle with what the spec shares with the host, and what privileged means."""
    kinds = host_kinds(spec)
    changes: dict[str, Any] = {}
    if kinds:
        changes["host_namespaces"] = kinds
    if "user" in kinds:
        changes["id_base"] = 0
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
