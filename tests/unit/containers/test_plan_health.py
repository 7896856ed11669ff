"""A check is put together from the spec, the image and the defaults, part by part."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.containers.plan_health import plan_check
from runtime.errors import InvalidSpec
from runtime.oci.image import ImageConfig, ImageHealth
from runtime.shim.conduct import Check
from runtime.spec.health import Health

SECOND = 1_000_000_000
IMAGE = ImageHealth(
    test=("CMD", "probe", "--fast"),
    interval_ns=7 * SECOND,
    timeout_ns=SECOND // 2,
    start_period_ns=9 * SECOND,
    start_interval_ns=2 * SECOND,
    retries=4,
)


def planned(
    asked: dict[str, Any] | None, image: ImageHealth | None = None, **config: Any
) -> Check | None:
    made = ImageConfig(architecture="amd64", os="linux", diff_ids=(), health=image, **config)
    return plan_check(None if asked is None else Health.from_json(asked), made)


def test_without_a_check_there_is_none() -> None:
    assert planned(None) is None
    assert planned(None, ImageHealth()) is None


def test_a_spec_s_check_has_the_defaults_of_docker() -> None:
    assert planned({"test": ["CMD", "a", "b"]}) == Check(
        args=("a", "b"),
        interval_seconds=30.0,
        timeout_seconds=30.0,
        start_period_seconds=0.0,
        start_interval_seconds=5.0,
        retries=3,
    )


def test_an_image_s_check_is_taken_as_it_is() -> None:
    assert planned(None, IMAGE) == Check(
        args=("probe", "--fast"),
        interval_seconds=7.0,
        timeout_seconds=0.5,
        start_period_seconds=9.0,
        start_interval_seconds=2.0,
        retries=4,
    )


def test_the_spec_wins_part_by_part() -> None:
    asked = {"interval_seconds": 30.0, "start_period_seconds": 0, "retries": 3}

    assert planned(asked, IMAGE) == Check(
        args=("probe", "--fast"),
        interval_seconds=30.0,
        timeout_seconds=0.5,
        start_period_seconds=0.0,
        start_interval_seconds=2.0,
        retries=3,
    )


def test_a_test_of_the_spec_s_own_keeps_the_image_s_times() -> None:
    check = planned({"test": ["CMD", "own"]}, IMAGE)

    assert check is not None
    assert (check.args, check.interval_seconds, check.retries) == (("own",), 7.0, 4)


@pytest.mark.parametrize(
    ("shell", "args"),
    [((), ("/bin/sh", "-c", "a; b")), (("/bin/ash", "-ec"), ("/bin/ash", "-ec", "a; b"))],
)
def test_a_script_runs_in_the_image_s_shell(shell: tuple[str, ...], args: tuple[str, ...]) -> None:
    check = planned({"test": ["CMD-SHELL", "a; b"]}, shell=shell)

    assert check is not None
    assert check.args == args


@pytest.mark.parametrize("image", [None, IMAGE, ImageHealth(test=("odd",))])
def test_none_ends_whatever_check_the_image_has(image: ImageHealth | None) -> None:
    assert planned({"test": ["NONE"]}, image) is None


def test_an_image_may_end_its_parent_s_check() -> None:
    assert planned(None, ImageHealth(test=("NONE",))) is None


def test_times_of_a_check_that_there_is_not_are_refused() -> None:
    with pytest.raises(InvalidSpec) as refused:
        planned({"retries": 5})

    assert refused.value.field == "health.test"


@pytest.mark.parametrize(
    ("image", "field"),
    [
        (ImageHealth(test=("odd", "a")), "health.test"),
        (ImageHealth(test=("CMD",)), "health.test"),
        (ImageHealth(test=("CMD", "a"), interval_ns=1), "health.interval_seconds"),
        (ImageHealth(test=("CMD", "a"), retries=10**9), "health.retries"),
    ],
)
def test_a_check_that_no_spec_could_ask_for_is_refused(image: ImageHealth, field: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        planned(None, image)

    assert refused.value.field == field


def test_what_an_image_says_below_zero_is_left_open() -> None:
    check = planned(None, ImageHealth(test=("CMD", "a"), interval_ns=-1, retries=-1))

    assert check is not None
    assert (check.interval_seconds, check.retries) == (30.0, 3)
