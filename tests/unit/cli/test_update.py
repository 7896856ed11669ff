"""The flags of update are limits as a configuration has them."""

from __future__ import annotations

import pytest

from runtime.cli.arguments import UPDATES, parse
from runtime.cli.update import from_flags
from runtime.errors import InvalidSpec
from runtime.oci.config_fields import KEPT, REFUSED


@pytest.mark.parametrize(
    ("text", "size"),
    [("-1", -1), ("0", 0), ("4096", 4096), ("512m", 512 << 20), ("1GiB", 1 << 30), ("2kb", 2048)],
)
def test_sizes_may_have_units(text: str, size: int) -> None:
    assert from_flags(parse(["update", "--memory", text, "x"])) == {"memory": {"limit": size}}


def test_flags_are_sorted_by_topic() -> None:
    line = ["--cpu-quota=5", "--cpuset-cpus", "0-1", "--pids-limit", "-1", "--cpu-idle=0", "x"]

    assert from_flags(parse(["update", *line])) == {
        "cpu": {"quota": 5, "cpus": "0-1", "idle": 0},
        "pids": {"limit": -1},
    }


@pytest.mark.parametrize(
    ("flag", "text"), [("--memory", "much"), ("--memory", "1x"), ("--pids-limit", "5k")]
)
def test_what_is_no_number_is_named(flag: str, text: str) -> None:
    with pytest.raises(InvalidSpec, match=flag):
        from_flags(parse(["update", flag, text, "x"]))


@pytest.mark.parametrize("flag", sorted(UPDATES))
def test_every_flag_sets_a_field_that_is_known(flag: str) -> None:
    topic, name, _kind = UPDATES[flag]

    assert f"linux.resources.{topic}.{name}" in KEPT | REFUSED.keys()
