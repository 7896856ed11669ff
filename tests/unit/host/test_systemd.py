"""The units for production."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

from panel.host.processes import Address
from panel.host.roots import Roots
from panel.host.systemd import Installation, kept_of, units

INSTALLATION = Installation(
    checkout=Path("/srv/moorage"),
    python=Path("/srv/moorage/.venv/bin/python3"),
    roots=Roots("/var/lib/moorage", "/run/moorage"),
    address=Address(host="127.0.0.1", port=8000, behind_proxy=True),
    environment={},
)
_OF_MOORAGE = ("MOORAGE_ID_BASE", "MOORAGE_EVENTS_KEPT_DAYS", "MOORAGE_OPERATIONS_KEPT_DAYS")


def test_each_process_has_a_unit_in_the_target() -> None:
    written = units(INSTALLATION)

    for name in ("valkey", "web", "agent", "fast", "bulk"):
        assert f"moorage-{name}.service" in written["moorage.target"]
        assert f"process {name} " in written[f"moorage-{name}.service"]


def test_containers_outlive_the_unit_that_began_them() -> None:
    for name, content in units(INSTALLATION).items():
        if name.endswith(".service") and "prepare" not in name:
            assert "KillMode=process\n" in content
            assert "Delegate=yes\n" in content


def test_the_target_starts_with_the_machine() -> None:
    assert "WantedBy=multi-user.target" in units(INSTALLATION)["moorage.target"]


def test_a_foreign_broker_means_no_unit_for_ours() -> None:
    elsewhere = replace(INSTALLATION, environment={"REDIS_URL": "redis://elsewhere"})

    written = units(elsewhere)

    assert "moorage-valkey.service" not in written
    assert 'Environment="REDIS_URL=redis://elsewhere"' in written["moorage-web.service"]


def test_settings_that_are_given_are_kept_for_the_units() -> None:
    given = dict.fromkeys(("SECRET_KEY", "NODE_NAME", *_OF_MOORAGE), "7")

    kept = kept_of({**given, "MOORAGE_DEBUG": "1", "PATH": "/bin", "DATABASE_URL": ""})

    assert kept == given
    for name, content in units(replace(INSTALLATION, environment=kept)).items():
        if name.endswith(".service"):
            for setting in given:
                assert f'Environment="{setting}=7"\n' in content


def test_a_percent_sign_in_a_password_is_not_a_specifier() -> None:
    secret = replace(INSTALLATION, environment={"DATABASE_URL": 'postgresql://u:a%20"b@h/d'})

    web = units(secret)["moorage-web.service"]

    assert 'Environment="DATABASE_URL=postgresql://u:a%%20\\"b@h/d"' in web


def test_only_the_web_process_gets_the_address() -> None:
    written = units(INSTALLATION)

    assert "--behind-proxy" in written["moorage-web.service"]
    assert "--behind-proxy" not in written["moorage-agent.service"]


def test_systemd_itself_accepts_the_units(tmp_path: Path) -> None:
    true = replace(INSTALLATION, python=Path("/bin/true"))
    for name, content in units(true).items():
        (tmp_path / name).write_text(content)

    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"{tmp_path}/moorage.target"],
        capture_output=True,
        text=True,
        check=False,
    )

    complaints = [line for line in ran.stderr.splitlines() if "moorage" in line]
    assert complaints == []
