"""The first command of the README, and what it refuses."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, Platform, a_platform, certificate_of, free_port

pytestmark = pytest.mark.e2e


def test_the_demo_runs_a_container_whose_lines_arrive(demo_platform: Platform) -> None:
    token = demo_platform.manage("token", "admin", "--team", "main").split()[-1]

    logs = demo_platform.until(
        lambda: (
            "line 2 at"
            in demo_platform.call("GET", "/api/v1/containers/demo/logs", token=token).body.decode()
        )
    )

    assert logs


def test_the_printed_link_signs_in_once(demo_platform: Platform) -> None:
    link = re.findall(r"sign in once with (\S+)", demo_platform.log)[-1]

    with urllib.request.urlopen(link) as page:
        assert page.status == 200
        assert "sign" in page.read().decode().lower()


def test_every_process_is_fresh_soon_after_the_start(platform: Platform) -> None:
    platform.until(platform.healthy)

    status = platform.status()

    assert status["healthy"]
    assert set(status["processes"]) == {"valkey", "web", "agent", "fast", "bulk"}


def test_a_served_data_root_is_refused_and_the_server_named(platform: Platform) -> None:
    said = platform.refused("up", "--port", str(free_port()))

    assert f"is already served by process {platform.pid('up')}" in said
    assert said.count("\n") == 1


def test_a_port_in_use_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        other = Platform(name=f"mo-e2e-{os.urandom(3).hex()}", port=taken.getsockname()[1])
        try:
            said = other.refused("up", "--port", str(other.port))
        finally:
            other.remove()

    assert "in use by another program; choose one with --port" in said
    assert said.count("\n") == 1


def test_without_root_there_is_one_sentence() -> None:
    # Nobody else can read a checkout below a closed directory, so the rights are dropped inside.
    become_nobody = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); import manage, panel.host.bootstrap; "
        "os.seteuid(65534); sys.argv = ['manage.py', 'up']; manage.main()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", become_nobody, str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 1
    assert ran.stderr.endswith("run this as root.\n")
    assert ran.stderr.count("\n") == 1


def test_a_warm_start_serves_in_under_eight_seconds() -> None:
    with a_platform() as made:
        made.stop()
        began = time.monotonic()
        made.start()
        took = time.monotonic() - began

    assert took < 8


def test_nobody_and_the_panels_user_read_nothing_they_should_not(platform: Platform) -> None:
    platform.until(platform.healthy)
    roots = (platform.data_root, platform.run_root)

    for_nobody = readable(roots, "nobody")
    for_panel = readable(roots, "moorage")

    assert for_nobody == set()
    allowed = (
        f"{platform.data_root}/panel",
        f"{platform.data_root}/secrets",
        f"{platform.run_root}/agent",
        f"{platform.run_root}/valkey",
    )
    assert {path for path in for_panel if not path.startswith(allowed)} == set()
    assert f"{platform.data_root}/panel/db.sqlite3" in for_panel


def test_the_web_process_has_no_rights_and_does_not_see_the_engine(platform: Platform) -> None:
    pid = platform.pid("web")
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    inside = f"/proc/{pid}/root"

    assert "0" not in status["Uid"].split()
    assert {status[name] for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    assert os.listdir(f"{inside}{platform.data_root}/engine") == []
    assert os.listdir(f"{inside}{platform.run_root}/engine") == []
    assert os.listdir(f"{platform.data_root}/engine") != []


def test_the_web_process_cannot_change_its_code(platform: Platform) -> None:
    code = f"/proc/{platform.pid('web')}/root{platform.run_root}/web/app/panel"

    with pytest.raises(OSError, match="Read-only file system"):
        Path(code, "asgi.py").touch()


@pytest.mark.parametrize("name", ["web", "agent", "fast", "bulk", "valkey"])
def test_a_killed_process_is_back_and_everything_fresh(platform: Platform, name: str) -> None:
    platform.until(platform.healthy)

    before = platform.kill(name)

    platform.until(lambda: platform.status()["processes"].get(name) not in (None, before))
    platform.until(platform.healthy)


def test_children_end_with_a_killed_supervisor_and_the_next_one_serves() -> None:
    with a_platform() as made:
        made.until(made.healthy)
        children = made.status()["processes"].values()
        made.kill("up")

        made.until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in children), 10)
        made.start()

        made.until(made.healthy)


def test_ctrl_c_stops_everything_in_order() -> None:
    with a_platform() as made:
        children = made.status()["processes"].values()

        made.stop(signal.SIGINT)

        assert not any(os.path.exists(f"/proc/{pid}") for pid in children)
        assert made.log.rstrip().endswith("the next `manage.py up` finds them")


def test_another_address_than_loopback_is_served_over_tls() -> None:
    made = Platform(
        name=f"mo-e2e-{os.urandom(3).hex()}", port=free_port(), options=("--host", "0.0.0.0")
    )
    try:
        made.start()

        assert "BEGIN CERTIFICATE" in certificate_of(made.port)
        assert "SHA-256 fingerprint" in made.log
    finally:
        made.remove()


def test_a_backup_brings_back_users_and_the_secret(tmp_path: Path) -> None:
    with a_platform() as made:
        file = str(tmp_path / "backup.tar.gz")
        secret = Path(made.data_root, "secrets/secret_key")
        before = secret.read_text()
        made.manage("backup", file)
        made.manage("team", "later")
        assert "is already served" in made.refused("restore", file)
        made.stop()
        secret.write_text("another one")

        made.manage("restore", file)

        assert secret.read_text() == before
        assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
        with sqlite3.connect(f"{made.data_root}/panel/db.sqlite3") as database:
            slugs = {slug for (slug,) in database.execute("SELECT slug FROM accounts_team")}
        database.close()
        assert "harbour" in slugs
        assert "later" not in slugs
        made.start()


def test_a_database_of_a_newer_version_is_refused_in_one_sentence() -> None:
    with a_platform() as made:
        made.stop()
        with sqlite3.connect(f"{made.data_root}/panel/db.sqlite3") as database:
            database.execute(
                "INSERT INTO django_migrations (app, name, applied)"
                " VALUES ('accounts', '9999_future', '2030-01-01')"
            )
        database.close()

        said = made.refused("up", "--port", str(made.port))

        assert "the database is of a newer Moorage" in said
        assert "Traceback" not in said


def test_postgresql_and_a_broker_elsewhere_take_the_place_of_ours(
    platform: Platform, postgres: str
) -> None:
    broker = f"unix://{platform.run_root}/valkey/valkey.sock?db=3"
    with a_platform(DATABASE_URL=postgres, REDIS_URL=broker, NODE_NAME="there") as made:
        made.until(made.healthy)
        status = made.status()

        assert set(status["processes"]) == {"web", "agent", "fast", "bulk"}
        assert not os.path.exists(f"{made.data_root}/panel/db.sqlite3")
        assert "postgresql" in made.manage("doctor")


def test_the_processes_of_systemds_units_make_a_platform() -> None:
    made = Platform(name=f"mo-e2e-{os.urandom(3).hex()}", port=free_port())
    units: list[subprocess.Popen[bytes]] = []
    try:
        made.manage("prepare")
        for name in ("valkey", "web", "agent", "fast", "bulk"):
            units.append(made.spawn("process", name, "--port", str(made.port)))
        made.until(made.healthy, 60)

        assert "is already served by systemd's units" in made.refused("up")
    finally:
        for unit in units:
            unit.terminate()
        for unit in units:
            unit.wait(30)
        made.remove()


def test_down_stops_the_platform_and_its_containers_only_when_asked() -> None:
    with a_platform("--demo") as made:
        made.until(lambda: "the container demo runs" in made.log, 60)
        (init,) = set(inits(made))

        assert made.manage("down") == "stopped\n"
        assert os.path.exists(f"/proc/{init}")
        assert made.manage("down") == f"nothing serves {made.data_root}\n"
        assert "stopped" in made.manage("down", "--containers")

        made.until(lambda: not os.path.exists(f"/proc/{init}"))


def test_the_store_is_sound_after_a_demo(demo_platform: Platform) -> None:
    assert demo_platform.manage("fsck").strip() == "0 found"


def inits(platform: Platform) -> list[int]:
    """Return the pids of the containers' first processes."""
    token = platform.manage("token", "admin", "--team", "main").split()[-1]
    answer = platform.call("GET", "/api/v1/containers", token=token)
    identities = [one["id"] for one in answer.json()["results"]]
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            groups = Path(f"/proc/{pid}/cgroup").read_text()
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if any(one in groups for one in identities) and command.startswith(b"sh\0-c"):
            found.append(int(pid))
    return found


def readable(roots: tuple[str, ...], user: str) -> set[str]:
    """Return every file below `roots` that `user` can read, and every directory it can list."""
    program = (
        "import os, sys\n"
        "for path in sys.stdin.read().split('\\0'):\n"
        "    if os.access(path, os.R_OK): print(path)\n"
    )
    everything = [
        os.path.join(directory, name)
        for root in roots
        for directory, names, files in os.walk(root)
        for name in (*names, *files)
    ]
    empty = {f"{root}/web" for root in roots}
    ran = subprocess.run(
        ["/usr/bin/python3", "-c", program],
        input="\0".join(everything),
        user=user,
        group=user if user == "moorage" else "nogroup",
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    return set(ran.stdout.splitlines()) - empty
