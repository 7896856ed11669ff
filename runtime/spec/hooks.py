"""Programs of the host that run at moments of a container's life (OCI config.md, POSIX hooks)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from runtime.spec.topic import TEXTS, Topic, absolute, asked, by, one, several, whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook(Topic):
    """One program.

    `program` is its absolute path on the host (or in the container, for hooks that run there),
    `args` its arguments with its own name first, `env` texts NAME=value. After `timeout_seconds` it
    is killed; None waits.
    """

    PATH: ClassVar[str] = "hooks"
    program: str = field(metadata=by(absolute))
    args: tuple[str, ...] = asked(TEXTS, ())
    env: tuple[str, ...] = asked(TEXTS, ())
    timeout_seconds: int | None = asked(whole(1, 86_400))


_HOOKS = several(one(Hook))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks(Topic):
    """When what runs: `prestart` and `create_runtime` when the namespaces are made.

    Then `create_container` before the pivot, `start_container` just before the command, `poststart`
    just after it, `poststop` when the container is deleted.
    """

    PATH: ClassVar[str] = "hooks"
    prestart: tuple[Hook, ...] = asked(_HOOKS, ())
    create_runtime: tuple[Hook, ...] = asked(_HOOKS, ())
    create_container: tuple[Hook, ...] = asked(_HOOKS, ())
    start_container: tuple[Hook, ...] = asked(_HOOKS, ())
    poststart: tuple[Hook, ...] = asked(_HOOKS, ())
    poststop: tuple[Hook, ...] = asked(_HOOKS, ())
