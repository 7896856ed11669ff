from __future__ import annotations

import os
from pathlib import Path

import pytest

from runtime.errors import KernelRefused
from runtime.isolation.mounts import _cpus_with_throttle


def test_what_the_kernel_does_not_let_be_looked_at_is_not_taken_for_absent() -> None:
    with pytest.raises(KernelRefused, match="EBADF"):
        _cpus_with_throttle(-1)


def test_a_machine_without_thermal_files_has_none_to_cover(tmp_path: Path) -> None:
    sysfs = os.open(tmp_path, os.O_RDONLY)
    try:
        assert _cpus_with_throttle(sysfs) == []
    finally:
        os.close(sysfs)
