"""An image's configuration is somebody else's text."""

from __future__ import annotations

import pytest

from runtime.errors import InvalidSpec
from runtime.oci.image import ImageConfig, ImageHealth

LAYER = f"sha256:{'1' * 64}"


def test_what_an_image_says_is_read() -> None:
    config = ImageConfig.from_json(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "Env": ["A=b"],
                "Entrypoint": ["/run"],
                "Cmd": ["x"],
                "WorkingDir": "/w",
                "User": "1:2",
                "StopSignal": "SIGINT",
                "Labels": {"k": "v"},
                "Shell": ["/bin/ash", "-c"],
            },
            "rootfs": {"diff_ids": [LAYER]},
        }
    )

    assert (config.env, config.entrypoint, config.cmd) == (("A=b",), ("/run",), ("x",))
    assert (config.working_dir, config.user, config.stop_signal) == ("/w", "1:2", "SIGINT")
    assert (config.labels, config.diff_ids) == ({"k": "v"}, (LAYER,))
    assert (config.shell, config.health) == (("/bin/ash", "-c"), None)


def test_a_health_check_is_read_as_docker_writes_it() -> None:
    plain = {
        "Test": ["CMD-SHELL", "wget -q localhost"],
        "Interval": 5_000_000_000,
        "Timeout": 1_000_000_000,
        "StartPeriod": 2_000_000_000,
        "StartInterval": 500_000_000,
        "Retries": 4,
    }

    assert ImageConfig.from_json({"config": {"Healthcheck": plain}}).health == ImageHealth(
        test=("CMD-SHELL", "wget -q localhost"),
        interval_ns=5_000_000_000,
        timeout_ns=1_000_000_000,
        start_period_ns=2_000_000_000,
        start_interval_ns=500_000_000,
        retries=4,
    )
    assert ImageConfig.from_json({"config": {"Healthcheck": {}}}).health == ImageHealth()
    assert (
        ImageConfig.from_json({"config": {"Healthcheck": {"Test": None, "Retries": None}}}).health
        == ImageHealth()
    )


def test_the_longest_architecture_fits_its_column() -> None:
    config = ImageConfig.from_json({"architecture": "a" * 32})

    assert config.architecture == "a" * 32


def test_null_is_as_good_as_nothing() -> None:
    config = ImageConfig.from_json({"config": {"Env": None, "Labels": None, "User": None}})

    assert (config.env, config.labels, config.user) == ((), {}, "")


@pytest.mark.parametrize(
    ("plain", "field"),
    [
        ({"config": "x"}, "config"),
        ({"config": {"Env": "A=b"}}, "config.Env"),
        ({"config": {"Cmd": ["a", 1]}}, r"config.Cmd\[1\]"),
        ({"config": {"User": 0.5}}, "config.User"),
        ({"config": {"Entrypoint": ["a\0b"]}}, r"config.Entrypoint\[0\]"),
        ({"rootfs": {"diff_ids": {}}}, "rootfs.diff_ids"),
        ({"config": {"Labels": {"a": 1}}}, "config.Labels"),
        ({"rootfs": {"diff_ids": ["sha256:1"]}}, r"rootfs.diff_ids\[0\]"),
        ({"rootfs": {"diff_ids": [LAYER, "./../../../etc"]}}, r"rootfs.diff_ids\[1\]"),
        ({"config": {"Env": ["A=\ud800"]}}, r"config.Env\[0\]"),
        ({"config": {"Labels": {"\udfff": "b"}}}, "config.Labels"),
        ({"architecture": "a" * 33}, "architecture"),
        ({"architecture": "amd\ud83d"}, "architecture"),
        ({"config": {"Shell": "sh"}}, "config.Shell"),
        ({"config": {"Healthcheck": ["CMD"]}}, "config.Healthcheck"),
        ({"config": {"Healthcheck": {"Test": "true"}}}, "config.Healthcheck.Test"),
        ({"config": {"Healthcheck": {"Interval": "5s"}}}, "config.Healthcheck.Interval"),
        ({"config": {"Healthcheck": {"Retries": 1 << 63}}}, "config.Healthcheck.Retries"),
    ],
)
def test_what_has_the_wrong_shape_is_named(plain: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidSpec, match=field):
        ImageConfig.from_json(plain)
