"""The tar reader, compared with Python's and fed with damage."""

from __future__ import annotations

import contextlib
import io
import os
import tarfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.archive.entry import Entry
from runtime.archive.limits import Limits
from runtime.archive.reader import read_entries
from runtime.archive.stream import Stream
from runtime.archive.tree import split_name
from runtime.archive.whiteout import Mark, read_mark
from runtime.errors import Exhausted, InvalidSpec

FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0/", exclude_categories=["Cs"]),
    min_size=1,
    max_size=60,
).filter(lambda name: name not in (".", ".."))


def read(content: bytes, limits: Limits | None = None) -> list[tuple[Entry, bytes]]:
    """Return the members of an archive and their contents."""
    source = os.memfd_create("archive")
    try:
        os.write(source, content)
        os.lseek(source, 0, os.SEEK_SET)
        with Stream(source, limits or Limits()) as stream:
            return [(entry, stream.read(entry.size)) for entry in read_entries(stream)]
    finally:
        os.close(source)


def written(members: list[tuple[str, bytes]], form: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


@pytest.mark.parametrize("form", FORMATS)
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(members=st.lists(st.tuples(NAMES, st.binary(max_size=2000)), max_size=6))
def test_it_reads_what_pythons_tarfile_writes(form: int, members: list[tuple[str, bytes]]) -> None:
    short = [
        (name.encode()[:90].decode(errors="ignore") or "x", content) for name, content in members
    ]

    found = read(written(short, form))

    assert [(entry.name.decode(), content) for entry, content in found] == short


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_it_reads_names_longer_than_a_header(form: int) -> None:
    name = "/".join(["directory"] * 40)

    ((entry, content),) = read(written([(name, b"x")], form))

    assert (entry.name.decode(), content) == (name, b"x")


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=3000))
def test_any_bytes_are_read_or_refused_with_a_reason(content: bytes) -> None:
    with contextlib.suppress(InvalidSpec, Exhausted):
        read(content)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2047), st.integers(0, 255))
def test_a_changed_byte_never_ends_in_anything_but_a_fault(place: int, value: int) -> None:
    content = bytearray(written([("name", b"content" * 100)], tarfile.PAX_FORMAT))
    content[place % len(content)] = value

    with contextlib.suppress(InvalidSpec, Exhausted):
        read(bytes(content))


def test_a_cut_member_is_refused() -> None:
    content = written([("name", b"x" * 5000)], tarfile.PAX_FORMAT)

    with pytest.raises(InvalidSpec, match="cut off"):
        read(content[:2000])


def test_more_than_the_limit_is_refused() -> None:
    with pytest.raises(Exhausted, match="more than 1000 bytes"):
        read(written([("a", b"x" * 5000)], tarfile.PAX_FORMAT), Limits(unpacked=1000))


@pytest.mark.parametrize(
    ("name", "path"),
    [(b"a/b", b"a/b"), (b"/a/b", b"a/b"), (b"./a//b/", b"a/b"), (b"./", b""), (b"", b"")],
)
def test_a_name_is_taken_below_the_root(name: bytes, path: bytes) -> None:
    assert split_name(name) == path


@pytest.mark.parametrize(
    "name", [b"..", b"a/../b", b"../x", b"/..", b"x" * 256, b"/".join([b"d"] * 300)]
)
def test_a_name_that_leads_out_or_on_without_end_is_refused(name: bytes) -> None:
    with pytest.raises(InvalidSpec):
        split_name(name)


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        (b"file", (Mark.PLAIN, b"file")),
        (b".wh.file", (Mark.HIDE, b"file")),
        (b".wh..wh..opq", (Mark.OPAQUE, b"")),
        (b".wh..wh.plnk", (Mark.IGNORE, b"")),
    ],
)
def test_whiteouts_are_told_from_files(name: bytes, mark: tuple[Mark, bytes]) -> None:
    assert read_mark(name) == mark


@pytest.mark.parametrize("name", [b".wh.", b".wh..", b".wh..."])
def test_a_whiteout_of_no_name_is_refused(name: bytes) -> None:
    with pytest.raises(InvalidSpec, match="hides no name"):
        read_mark(name)
