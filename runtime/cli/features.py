"""Tell what this runtime understands and can do, from the tables that it works by.

See runtime-spec, features.md and features-linux.md.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from runtime.abi import CAPABILITIES
from runtime.cli.arguments import Words
from runtime.isolation.profile import architectures
from runtime.oci.config import HOOKS
from runtime.oci.config_linux import NAMESPACES
from runtime.oci.config_mounts import mount_options
from runtime.oci.config_seccomp import ACTIONS, FLAGS, OPERATORS
from runtime.oci.version import SPEC_VERSION


def command(words: Words) -> int:
    """Print the features."""
    del words
    sys.stdout.write(json.dumps(features(), indent=2) + "\n")
    return 0


def features() -> dict[str, Any]:
    """Return the document."""
    return {
        "ociVersionMin": "1.0.0",
        "ociVersionMax": SPEC_VERSION,
        "hooks": list(HOOKS),
        "mountOptions": list(mount_options()),
        "linux": {
            "namespaces": list(NAMESPACES),
            "capabilities": list(CAPABILITIES),
            "cgroup": {
                "v1": True,
                "v2": True,
                "systemd": False,
                "systemdUser": False,
                "rdma": False,
            },
            "seccomp": {
                "enabled": True,
                "actions": list(ACTIONS),
                "operators": list(OPERATORS),
                "archs": list(architectures(os.uname().machine)),
                "knownFlags": list(FLAGS),
                "supportedFlags": list(FLAGS),
            },
            "apparmor": {"enabled": False},
            "selinux": {"enabled": False},
            "intelRdt": {"enabled": False},
            "mountExtensions": {"idmap": {"enabled": True}},
        },
    }
