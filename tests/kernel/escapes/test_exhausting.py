"""What a container takes of the machine ends at a limit of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.isolation.plan import LaunchPlan
from runtime.oci.bundle import Bundle
from tests.kernel.escapes.programs import lower
from tests.kernel.lab import Lab

pytestmark = pytest.mark.kernel

Programs = Callable[[str], Path]

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


def test_terminals_end_before_the_machine_has_none_left(lab: Lab, programs: Programs) -> None:
    program = programs("terminals")
    bundles = [lab.bundle("/terminals", "300", lower=lower(program, lab)) for _ in range(2)]

    got = [finish(lab, bundles[0]), finish(lab, bundles[1], alter=without_a_limit_of_terminals)]

    assert got == ["256\n", "300\n"]


def without_a_limit_of_terminals(plan: LaunchPlan) -> LaunchPlan:
    """Return a plan whose devpts has as many terminals as the kernel has."""
    return replace(
        plan,
        filesystems=tuple(
            replace(one, options=tuple(pair for pair in one.options if pair[0] != "max"))
            for one in plan.filesystems
        ),
    )


def finish(
    lab: Lab, bundle: Bundle, *, alter: Callable[[LaunchPlan], LaunchPlan] | None = None
) -> str:
    """Return what a bundle prints until it ends."""
    box = lab.launch(bundle, alter=alter)
    try:
        return lab.finish(box)[1]
    finally:
        box.close()
