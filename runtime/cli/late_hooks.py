"""Running the hooks poststart and poststop: one that fails is told, and changes nothing.

See runtime.md#lifecycle.
"""

from __future__ import annotations

from collections.abc import Callable

from runtime.cli.containers import Container
from runtime.errors import RuntimeFault
from runtime.isolation.hooks import run_hooks
from runtime.oci.config import Hook


def run_each(
    kind: str, hooks: tuple[Hook, ...], container: Container, warn: Callable[[str], None]
) -> None:
    """Run each hook, whatever the others do; they are told what the container has become."""
    state = container.state_bytes("running" if kind == "poststart" else "stopped")
    for hook in hooks:
        try:
            run_hooks(kind, (hook,), state)
        except RuntimeFault as fault:
            warn(str(fault))
