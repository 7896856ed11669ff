"""Decide what a container will be: spec and image -> bundle and conduct. Pure."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Any

from runtime.containers.plan_health import plan_check
from runtime.containers.plan_process import surroundings
from runtime.containers.plan_resources import devices, with_devices
from runtime.containers.plan_seccomp import Node, compile_filter
from runtime.containers.plan_sharing import all_capabilities, host_kinds, shared
from runtime.containers.unbuilt import UNBUILT, partly
from runtime.errors import InvalidSpec
from runtime.images.image import ResolvedImage
from runtime.oci.bundle import DEFAULT_CAPABILITIES, Bundle
from runtime.oci.image import ImageConfig
from runtime.shim.conduct import Conduct
from runtime.spec.container import ContainerSpec
from runtime.spec.network import HOST_GATEWAY, Networking
from runtime.spec.topic import value_at

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What the engine decides for a container: id, directory, cgroup, first host id.

    `machine`, `release` and `node`, the host's own name, are of uname(2).
    """

    id: str
    state_dir: str
    cgroup: str
    id_base: int
    machine: str = ""
    release: str = ""
    node: str = ""


def plan_container(spec: ContainerSpec, image: ResolvedImage, place: Place) -> Conduct:
    """Return the bundle of a container and how its shim minds it.

    The spec wins over the image, as with Docker: a given entrypoint also drops the image's Cmd.
    Raises InvalidSpec.
    """
    refuse_unbuilt(spec)
    config = image.config
    hostname = spec.hostname or place.id[:12]
    if "uts" in host_kinds(spec):
        hostname = place.node
    kept = capabilities(spec)
    bundle = Bundle(
        id=place.id,
        args=arguments(spec, config),
        env=environment(spec, config, hostname),
        cwd=spec.working_dir or config.working_dir or "/",
        user=config.user if spec.user is None else spec.user,
        hostname=hostname,
        lower=image.layers,
        state_dir=place.state_dir,
        id_base=place.id_base if spec.id_range is None else spec.id_range,
        cgroup=place.cgroup,
        resources=with_devices(spec),
        devices=devices(spec),
        read_only=spec.read_only,
        capabilities=kept,
        no_new_privileges=spec.no_new_privileges,
        seccomp=spec.seccomp,
        shm_bytes=spec.storage.shm_bytes,
        umask=spec.process.umask,
        groups=spec.process.groups_add,
        domainname=spec.network.domainname,
        hosts=_hosts(spec.network),
        resolver=resolver(spec.network),
        **surroundings(spec),
        **own_filter(spec, kept, place.machine, place.release),
    )
    return Conduct(
        bundle=shared(spec, bundle),
        stop_signal=signal_number("stop_signal", spec.stop_signal or config.stop_signal or "TERM"),
        stop_timeout_seconds=spec.stop_timeout_seconds,
        restart=spec.restart,
        restart_retries=spec.restart_retries,
        log_bytes=spec.limits.log_bytes,
        log_files=spec.limits.log_files,
        check=plan_check(spec.health, config),
    )


_PLAIN = ContainerSpec(image="plain")


def refuse_unbuilt(spec: ContainerSpec) -> None:
    """Refuse by name what this engine does not carry out yet. Raises InvalidSpec."""
    for field, feature in UNBUILT.items():
        if value_at(spec, field) != value_at(_PLAIN, field):
            raise InvalidSpec(field, f"this engine does not {feature} yet: leave it out")
    for field, feature in partly(spec):
        raise InvalidSpec(field, f"this engine does not {feature} yet: leave it out")


def own_filter(
    spec: ContainerSpec, kept: tuple[str, ...], machine: str, release: str
) -> dict[str, Any]:
    """Return the parts of a bundle that hold a filter of the spec's own. Raises InvalidSpec."""
    profile = spec.security.seccomp_profile
    if profile is None:
        return {}
    node = Node(machine=machine, release=release, capabilities=kept)
    compiled = compile_filter(profile, node)
    return {"filter_program": compiled.program.hex(), "filter_flags": compiled.flags}


def resolver(network: Networking) -> tuple[str, ...]:
    """Return the lines of /etc/resolv.conf, none where nothing is asked for (resolv.conf(5))."""
    lines = [f"nameserver {address}" for address in network.dns_servers]
    searched = [domain for domain in network.dns_search if domain != "."]
    if searched:
        lines.append(f"search {' '.join(searched)}")
    if network.dns_options:
        lines.append(f"options {' '.join(network.dns_options)}")
    return tuple(lines)


def arguments(spec: ContainerSpec, config: ImageConfig) -> tuple[str, ...]:
    """Return the argument list that runs. Raises InvalidSpec where there is none."""
    if spec.entrypoint is not None:
        args = (*spec.entrypoint, *spec.command)
    else:
        args = (*config.entrypoint, *(spec.command or config.cmd))
    if not args or not args[0]:
        raise InvalidSpec("command", "is empty, and the image names none")
    return args


def environment(
    spec: ContainerSpec, config: ImageConfig, hostname: str
) -> tuple[tuple[str, str], ...]:
    """Return the variables: defaults, then the image's, then the spec's."""
    merged = {"PATH": DEFAULT_PATH, "HOSTNAME": hostname}
    for text in config.env:
        name, _, value = text.partition("=")
        if name:
            merged[name] = value
    merged.update(spec.env)
    return tuple(merged.items())


def capabilities(spec: ContainerSpec) -> tuple[str, ...]:
    """Return the capabilities kept: the default ones, less the dropped, and the added."""
    dropped = {_capability(name) for name in spec.capabilities_drop}
    added = [_capability(name) for name in spec.capabilities_add]
    if spec.privileged:
        return all_capabilities(frozenset(dropped))
    if "CAP_ALL" in added:
        raise InvalidSpec("capabilities_add", "this engine does not add all capabilities at once")
    kept = [] if "CAP_ALL" in dropped else [n for n in DEFAULT_CAPABILITIES if n not in dropped]
    return tuple(sorted({*kept, *added}))


def signal_number(field: str, text: str) -> int:
    """Return the number of a signal given as `SIGTERM`, `TERM` or `15`. Raises InvalidSpec."""
    name = text.strip().upper()
    if name.isdecimal() and 1 <= int(name) <= signal.SIGRTMAX:
        return int(name)
    try:
        return int(signal.Signals[name if name.startswith("SIG") else f"SIG{name}"])
    except KeyError:
        raise InvalidSpec(field, f"{text!r} is not a signal (signal(7))") from None


def _capability(name: str) -> str:
    upper = name.upper()
    return upper if upper.startswith("CAP_") else f"CAP_{upper}"


def _hosts(network: Networking) -> tuple[str, ...]:
    for entry in network.extra_hosts:
        if entry.endswith(f":{HOST_GATEWAY}"):
            reason = f"{entry}: this engine does not build networks yet, so give an address"
            raise InvalidSpec("network.extra_hosts", reason)
    return network.extra_hosts
