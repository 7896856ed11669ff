"""Named rules to start from, after the names of Kubernetes' Pod Security Standards. Pure."""

from __future__ import annotations

from panel.policy.rules import Allowances, Quotas, Rules
from runtime.errors import NotFound
from runtime.spec.container import HOST_NAMESPACES

GIB = 1024**3
ALL = "*"
"""In a list of names: every name."""

PRESETS: dict[str, Rules] = {
    "restricted": Rules(
        quotas=Quotas(max_containers=20, max_memory_bytes=4 * GIB, max_cpus=4.0, max_pids=1024)
    ),
    "baseline": Rules(quotas=Quotas(max_containers=2000)),
    "privileged": Rules(
        allowances=Allowances(
            privileged=True,
            host_paths=("/",),
            host_namespaces=HOST_NAMESPACES,
            devices=(ALL,),
            capabilities=(ALL,),
            unconfined_seccomp=True,
            new_privileges=True,
        )
    ),
}
DEFAULT = "baseline"


def preset(name: str) -> Rules:
    """Return the rules called `name`. Raises NotFound."""
    if name not in PRESETS:
        raise NotFound("policy preset", name)
    return PRESETS[name]
