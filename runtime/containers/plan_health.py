"""Decide how a container is checked: what the spec says, else the image, else the default. Pure."""

from __future__ import annotations

from runtime.errors import InvalidSpec
from runtime.oci.image import ImageConfig, ImageHealth
from runtime.shim.conduct import Check
from runtime.spec.health import (
    DEFAULT_RETRIES,
    DEFAULT_SECONDS,
    DEFAULT_START_INTERVAL_SECONDS,
    Health,
)

DEFAULT_SHELL = ("/bin/sh", "-c")
"""What runs the script of CMD-SHELL where the image names no shell of its own."""
_NONE = ("NONE",)


def plan_check(asked: Health | None, config: ImageConfig) -> Check | None:
    """Return the check of a container, None where it has none.

    Each part is taken by itself, as with Docker. Raises InvalidSpec, also for an image's check that
    no spec could ask for; a test of the spec's own then helps.
    """
    spec, image = asked or Health(), config.health or ImageHealth()
    test = spec.test or image.test
    if _NONE in (spec.test, test):
        return None
    if not test:
        if asked is not None:
            raise InvalidSpec("health.test", "is empty, and the image names none")
        return None
    return _check(_merged(spec, image, test), config)


def _merged(spec: Health, image: ImageHealth, test: tuple[str, ...]) -> Health:
    return Health(
        test=test,
        interval_seconds=_seconds(spec.interval_seconds, image.interval_ns),
        timeout_seconds=_seconds(spec.timeout_seconds, image.timeout_ns),
        start_period_seconds=_seconds(spec.start_period_seconds, image.start_period_ns),
        start_interval_seconds=_seconds(spec.start_interval_seconds, image.start_interval_ns),
        retries=spec.retries or (image.retries if image.retries > 0 else None),
    )


def _seconds(asked: float | None, image_ns: int) -> float | None:
    if asked is not None:
        return asked
    return image_ns / 1e9 if image_ns > 0 else None


def _check(wanted: Health, config: ImageConfig) -> Check:
    form, *rest = wanted.test
    shell = (config.shell or DEFAULT_SHELL) if form == "CMD-SHELL" else ()
    return Check(
        args=(*shell, *rest),
        interval_seconds=wanted.interval_seconds or DEFAULT_SECONDS,
        timeout_seconds=wanted.timeout_seconds or DEFAULT_SECONDS,
        start_period_seconds=wanted.start_period_seconds or 0.0,
        start_interval_seconds=wanted.start_interval_seconds or DEFAULT_START_INTERVAL_SECONDS,
        retries=wanted.retries or DEFAULT_RETRIES,
    )
