"""Names of images, as the distribution spec has them and as people type them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import InvalidSpec
from runtime.oci.reference import parse_reference

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("busybox", "docker.io/library/busybox:latest"),
        ("busybox:1", "docker.io/library/busybox:1"),
        ("team/app", "docker.io/team/app:latest"),
        ("index.docker.io/library/busybox", "docker.io/library/busybox:latest"),
        ("localhost/app", "localhost/app:latest"),
        ("example.org:5000/a/b:c", "example.org:5000/a/b:c"),
        (f"app@{DIGEST}", f"docker.io/library/app@{DIGEST}"),
        (f"app:1@{DIGEST}", f"docker.io/library/app:1@{DIGEST}"),
    ],
)
def test_a_short_name_means_the_whole_one(typed: str, meant: str) -> None:
    assert str(parse_reference(typed)) == meant


@pytest.mark.parametrize(
    "typed",
    ["", " ", "App", "a b", "a//b", "/a", "a/", "a:", "a:b:c", "a@sha256:12", "../a", "a\n", "é"],
)
def test_what_is_no_name_is_refused_and_the_field_named(typed: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        parse_reference(typed, field="image")

    assert refused.value.field == "image"


@pytest.mark.parametrize("typed", ["busybox", "busybox:1", "a/b", "example.org/x:y", "localhost/q"])
def test_the_familiar_form_means_the_same(typed: str) -> None:
    reference = parse_reference(typed)

    assert parse_reference(reference.familiar) == reference


@given(st.text(max_size=300))
def test_any_text_is_a_name_that_stays_or_is_refused(text: str) -> None:
    try:
        reference = parse_reference(text)
    except InvalidSpec:
        return
    assert parse_reference(str(reference)) == reference
