"""Named rules to start from, after the names of Kubernetes' Pod Security Standards. Pure."""

from __future__ import annotations

from dataclasses import fields

from panel.policy.rules import SHARED, Allowances, Quotas, Rules
from runtime.errors import NotFound

GIB = 1024**3
ALL = "*"
"""In a list of names: every name."""
FLAGS = tuple(one.name for one in fields(Allowances) if one.type == "bool")
"""Every opt-out that is allowed or not."""

PRESETS: dict[str, Rules] = {
    "restricted": Rules(
        allowances=Allowances(max_log_bytes=GIB // 4),
        quotas=Quotas(max_containers=20, max_memory_bytes=4 * GIB, max_cpus=4.0, max_pids=1024),
    ),
    "baseline": Rules(quotas=Quotas(max_containers=2000)),
    "privileged": Rules(
        allowances=Allowances(
            host_paths=("/",),
            host_namespaces=SHARED,
            devices=(ALL,),
            capabilities=(ALL,),
            security_profiles=(ALL,),
            max_log_bytes=1 << 50,
            **dict.fromkeys(FLAGS, True),
        )
    ),
}
DEFAULT = "baseline"


def preset(name: str) -> Rules:
    """Return the rules called `name`. Raises NotFound."""
    if name not in PRESETS:
        raise NotFound("policy preset", name)
    return PRESETS[name]
