"""These tests are collected where cgroup v2 is all there is: in the guest, or on such a machine."""

from __future__ import annotations

from tests.conftest import cgroup_mode
from tests.kernel.containers.conftest import instance, layer

__all__ = ["instance", "layer"]

collect_ignore_glob = [] if cgroup_mode() == "v2" else ["test_*"]
