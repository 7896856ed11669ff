"""Loading and deleting images as operations."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from panel.accounts.actors import Actor
from panel.accounts.permissions import NotAllowed
from panel.inventory.models import Image
from panel.operations import finish
from panel.operations.models import Operation, Status
from panel.operations.submit import grant_stream, submit
from panel.operations.ticket import redeem_ticket
from tests.fakes.rows import error_of, result_of

Drain = Callable[[], list[Operation]]

pytestmark = pytest.mark.django_db(transaction=True)


def upload(actor: Actor, directory: Path, content: bytes) -> str:
    """Bring an archive in as the agent would, and return the upload's id."""
    operation, ticket = grant_stream("image.upload", actor=actor)
    opened = redeem_ticket(ticket, node="here")
    (directory / operation.pk).write_bytes(content)
    finish.succeed(opened.pk, opened.fence)
    return operation.pk


def archive(*names: str) -> bytes:
    """Return a docker-save archive that names images and has nothing else."""
    manifest = json.dumps([{"RepoTags": list(names), "Config": "c", "Layers": []}]).encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("manifest.json")
        entry.size = len(manifest)
        tar.addfile(entry, io.BytesIO(manifest))
    return buffer.getvalue()


def test_an_upload_becomes_an_image_and_goes(alice: Actor, drain: Drain, tmp_path: Path) -> None:
    name = upload(alice, tmp_path, archive("web:1"))
    submit("image.load", actor=alice, params={"upload": name})

    (load,) = drain()

    assert (load.status, load.error) == (Status.SUCCEEDED, None)
    assert result_of(load)["images"][0]["references"] == ["web:1"]
    shown = Image.objects.filter(team_id=alice.team_id).values_list("references", flat=True)
    assert ["web:1"] in list(shown)
    assert not (tmp_path / name).exists()
    assert load.progress is not None
    assert load.progress["steps"] == 2


def test_a_bad_archive_names_what_is_wrong_and_goes(
    alice: Actor, drain: Drain, tmp_path: Path
) -> None:
    name = upload(alice, tmp_path, b"not a tar")
    submit("image.load", actor=alice, params={"upload": name})

    (load,) = drain()

    assert error_of(load)["details"]["field"] == "archive"
    assert not (tmp_path / name).exists()


def test_another_teams_upload_is_not_there(
    alice: Actor, charlie: Actor, drain: Drain, tmp_path: Path
) -> None:
    name = upload(alice, tmp_path, archive("web:1"))
    submit("image.load", actor=charlie, params={"upload": name})

    (load,) = drain()

    assert error_of(load)["code"] == "not_found"
    assert (tmp_path / name).exists()


def test_an_image_in_use_stays(alice: Actor, created: Callable[..., str], drain: Drain) -> None:
    created(name="web")
    submit("image.delete", actor=alice, target="starter")

    (delete,) = drain()

    assert error_of(delete)["code"] == "conflict"
    assert "web" in error_of(delete)["message"]


def test_only_an_admin_deletes_images(alice: Actor, bob: Actor, drain: Drain) -> None:
    with pytest.raises(NotAllowed):
        submit("image.delete", actor=bob, target="starter")
    submit("image.delete", actor=alice, target="starter")

    (delete,) = drain()

    assert delete.status == Status.SUCCEEDED
    assert not Image.objects.filter(team_id=alice.team_id).exists()
