"""What guards a container besides namespaces, and the opt-outs from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from runtime.spec.docker_seccomp import is_docker, translated
from runtime.spec.topic import (
    TEXTS,
    Topic,
    absolute,
    asked,
    by,
    mapped,
    matching,
    numbered,
    one,
    one_of,
    several,
    text,
    whole,
)

ACTIONS = (
    "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP",
)  # fmt: skip
OPERATORS = (
    "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT",
    "SCMP_CMP_MASKED_EQ",
)  # fmt: skip
_FLAGS = (
    "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
)
_U64 = (1 << 64) - 1
_ARCHITECTURE = matching(r"SCMP_ARCH_[A-Z0-9_]{2,24}", "an architecture such as SCMP_ARCH_X86_64")
_CALL = matching(r"[A-Za-z0-9_]{1,64}", "the name of a system call")
_CAPABILITY = matching(r"CAP_[A-Z_]{2,32}", "a capability such as CAP_SYS_ADMIN")
_RELEASE = matching(r"[0-9]{1,3}\.[0-9]{1,3}", "a kernel such as 4.8")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeccompArgument(Topic):
    """A test of one argument: number `index` (0 to 5) stands in relation `op` to `value`.

    With SCMP_CMP_MASKED_EQ `value` is the mask and `value_two` what has to be left (seccomp(2)).
    """

    PATH: ClassVar[str] = "security.seccomp_profile.syscalls.args"
    index: int = field(metadata=by(whole(0, 5)))
    value: int = field(metadata=by(whole(0, _U64)))
    value_two: int = asked(whole(0, _U64), 0)
    op: str = field(metadata=by(one_of(*OPERATORS)))


@dataclass(frozen=True, slots=True, kw_only=True)
class SeccompCondition(Topic):
    """When a rule counts: with `capabilities`, on `architectures` (amd64), from `min_kernel` on."""

    PATH: ClassVar[str] = "security.seccomp_profile.syscalls.includes"
    capabilities: tuple[str, ...] = asked(several(_CAPABILITY), ())
    architectures: tuple[str, ...] = asked(TEXTS, ())
    min_kernel: str | None = asked(_RELEASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeccompRule(Topic):
    """What happens to the calls in `names` whose `args` all hold: Docker and OCI seccomp.syscalls.

    `action` is one of ACTIONS, `errno` what SCMP_ACT_ERRNO and _TRACE return (default EPERM). The
    rule counts where all of `includes` and none of `excludes` holds.
    """

    PATH: ClassVar[str] = "security.seccomp_profile.syscalls"
    names: tuple[str, ...] = field(metadata=by(several(_CALL)))
    action: str = field(metadata=by(one_of(*ACTIONS)))
    errno: int | None = asked(whole(0, 4095))
    args: tuple[SeccompArgument, ...] = asked(numbered(SeccompArgument), ())
    includes: SeccompCondition | None = asked(one(SeccompCondition))
    excludes: SeccompCondition | None = asked(one(SeccompCondition))


@dataclass(frozen=True, slots=True, kw_only=True)
class SeccompProfile(Topic):
    """A filter of system calls: Docker's profile and OCI linux.seccomp.

    `default_action` is what no rule says, with `default_errno`. `architectures` are names of
    libseccomp, besides the machine's own; `syscalls` rules, the first that holds counts; `flags` of
    seccomp(2). `listener_path` and `listener_metadata` serve SCMP_ACT_NOTIFY. A file of
    Docker's, with its own names of fields, is taken too.
    """

    PATH: ClassVar[str] = "security.seccomp_profile"
    default_action: str = field(metadata=by(one_of(*ACTIONS)))
    default_errno: int | None = asked(whole(0, 4095))
    architectures: tuple[str, ...] = asked(several(_ARCHITECTURE), ())
    syscalls: tuple[SeccompRule, ...] = asked(numbered(SeccompRule), ())
    flags: tuple[str, ...] = asked(several(one_of(*_FLAGS)), ())
    listener_path: str | None = asked(absolute)
    listener_metadata: str | None = asked(text)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> SeccompProfile:
        """Parse untrusted data, also one of Docker's files. Raises InvalidSpec naming the place."""
        return cls(**cls.known(translated(plain) if is_docker(plain) else plain))


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilitySets(Topic):
    """The sets of capabilities(7) one by one: OCI process.capabilities; None keeps the default.

    They are `bounding`, `effective`, `inheritable`, `permitted` and `ambient`.
    """

    PATH: ClassVar[str] = "security.capability_sets"
    bounding: tuple[str, ...] | None = asked(several(_CAPABILITY))
    effective: tuple[str, ...] | None = asked(several(_CAPABILITY))
    inheritable: tuple[str, ...] | None = asked(several(_CAPABILITY))
    permitted: tuple[str, ...] | None = asked(several(_CAPABILITY))
    ambient: tuple[str, ...] | None = asked(several(_CAPABILITY))


@dataclass(frozen=True, slots=True, kw_only=True)
class Security(Topic):
    """Further guards: Docker SecurityOpt, MaskedPaths, ReadonlyPaths; OCI's of the same names.

    `seccomp_profile` replaces the default filter. `apparmor_profile` names one that the host has
    loaded. `selinux_label` is the process's, `mount_label` its files'; `selinux_options` are
    Docker's user, role, type, level, disable. `masked_paths` cannot be seen and `readonly_paths`
    not be written in /proc and /sys: None keeps the engine's own, () guards nothing.
    `capability_sets` says the five sets one by one.
    """

    PATH: ClassVar[str] = "security"
    seccomp_profile: SeccompProfile | None = asked(one(SeccompProfile))
    apparmor_profile: str | None = asked(matching(r"[^\s\0]{1,255}", "the name of a profile"))
    selinux_label: str | None = asked(matching(r"[^\s\0]{1,4095}", "a label"))
    mount_label: str | None = asked(matching(r"[^\s\0]{1,4095}", "a label"))
    selinux_options: Mapping[str, str] = asked(
        mapped(one_of("user", "role", "type", "level", "filetype", "disable"), text), {}
    )
    masked_paths: tuple[str, ...] | None = asked(several(absolute))
    readonly_paths: tuple[str, ...] | None = asked(several(absolute))
    capability_sets: CapabilitySets | None = asked(one(CapabilitySets))
