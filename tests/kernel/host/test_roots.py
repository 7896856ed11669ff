"""Directories, secrets and certificates, with the owners they need."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from panel.host import certificate
from panel.host.errors import HostRefused
from panel.host.roots import Roots, keep_node_name, make_directories, make_secrets, service_ids
from panel.host.service_user import ensure_service_user
from panel.settings.environment import Environment, kept_node_name

pytestmark = pytest.mark.kernel


@pytest.fixture
def roots() -> Iterator[Roots]:
    ensure_service_user()
    name = f"mo-roots-{os.urandom(3).hex()}"
    made = Roots(f"/var/tmp/{name}", f"/run/{name}")
    yield made
    for path in (made.data, made.run):
        shutil.rmtree(path, ignore_errors=True)


def seen(path: str) -> tuple[str, str, str]:
    status = os.stat(path)
    owner = pwd.getpwuid(status.st_uid).pw_name
    return f"{stat.S_IMODE(status.st_mode):04o}", owner, grp.getgrgid(status.st_gid).gr_name


def test_every_directory_has_exactly_its_mode_and_owner(roots: Roots) -> None:
    before = os.umask(0o077)
    try:
        make_directories(roots)
    finally:
        os.umask(before)

    assert seen(roots.data) == ("0711", "root", "root")
    assert seen(f"{roots.data}/engine") == ("0700", "root", "root")
    assert seen(f"{roots.data}/panel") == ("0700", "moorage", "moorage")
    assert seen(roots.secrets) == ("0750", "root", "moorage")
    assert seen(f"{roots.run}/agent") == ("0750", "root", "moorage")
    assert seen(f"{roots.run}/valkey") == ("0750", "root", "moorage")


def test_a_mode_that_was_changed_is_put_right(roots: Roots) -> None:
    make_directories(roots)
    os.chmod(f"{roots.data}/engine", 0o755)

    make_directories(roots)

    assert seen(f"{roots.data}/engine")[0] == "0700"


def test_the_secret_is_made_once_and_never_changes(roots: Roots) -> None:
    make_directories(roots)
    make_secrets(roots)
    path = f"{roots.secrets}/secret_key"
    first = Path(path).read_text()

    make_secrets(roots)

    assert Path(path).read_text() == first
    assert len(first) >= 50
    assert seen(path) == ("0640", "root", "moorage")


def test_the_nodes_name_is_kept_when_the_host_gets_another(roots: Roots) -> None:
    make_directories(roots)
    keep_node_name(roots, "first")

    keep_node_name(roots, "second")

    assert kept_node_name(roots.data) == "first"
    assert Environment.read({"DATA_ROOT": roots.data}).node_name == "first"
    assert Environment.read({"DATA_ROOT": roots.data, "NODE_NAME": "own"}).node_name == "own"


def test_a_root_behind_a_closed_directory_is_refused(roots: Roots) -> None:
    os.makedirs(roots.data)
    os.chmod(roots.data, 0o700)
    behind = Roots(f"{roots.data}/data", roots.run)

    with pytest.raises(HostRefused, match=f"only root gets through {roots.data}"):
        make_directories(behind)


def test_a_run_root_too_long_for_sockets_is_refused(roots: Roots) -> None:
    long = Roots(roots.data, roots.run + "/" + "x" * 60)

    with pytest.raises(HostRefused, match="too long for the sockets"):
        make_directories(long)


def test_the_certificate_is_kept_until_it_lacks_a_name(roots: Roots) -> None:
    make_directories(roots)
    path, key = certificate.self_signed(roots, ("localhost", "127.0.0.1"))
    first = certificate.fingerprint(path)

    assert certificate.self_signed(roots, ("localhost",)) == (path, key)
    assert certificate.fingerprint(path) == first
    certificate.self_signed(roots, ("localhost", "10.0.0.7"))
    assert certificate.fingerprint(path) != first
    assert seen(key) == ("0640", "root", "moorage")


def test_the_service_user_can_do_nothing_by_itself() -> None:
    user = pwd.getpwnam("moorage")

    assert service_ids() == (user.pw_uid, user.pw_gid)
    assert user.pw_shell.endswith(("nologin", "false"))
    assert not os.path.exists(user.pw_dir)
