"""What a container takes of the machine ends at a limit of its own."""

from __future__ import annotations

import pytest

from tests.kernel.lab import Lab

pytestmark = pytest.mark.kernel

MIB = 1024 * 1024


def filled(lab: Lab, place: str, **options: int) -> int:
    """Return how many MiB of eight fit into a file system of a container."""
    script = f"dd if=/dev/zero of={place}/big bs=64k count=128 2>/dev/null; stat -c %s {place}/big"
    return int(lab.shell(script, **options)) // MIB


def test_shared_memory_ends_at_its_size(lab: Lab) -> None:
    assert filled(lab, "/dev/shm", shm_bytes=MIB) == 1
    assert filled(lab, "/dev/shm", shm_bytes=16 * MIB) == 8


def test_name_files_have_room_for_themselves_only(lab: Lab) -> None:
    text = lab.shell(
        "dd if=/dev/zero of=/etc/hosts bs=64k count=64 2>/dev/null; wc -c < /etc/hosts"
    )

    assert int(text) < MIB


def test_open_files_end_at_a_limit_that_cannot_be_raised(lab: Lab) -> None:
    soft, hard, *refusal = lab.shell(
        "ulimit -Sn; ulimit -Hn; (ulimit -n 1048577) 2>&1; ulimit -Hn"
    ).splitlines()

    assert int(soft) <= 1024
    assert int(hard) <= 524_288
    assert refusal[-1] == hard
