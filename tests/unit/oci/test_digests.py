"""Digests and the ids of layers on top of each other."""

from __future__ import annotations

from hashlib import sha256

import pytest

from runtime.errors import InvalidSpec
from runtime.oci.digest import chain_ids, digest_of, parse_digest


def test_a_digest_is_the_sha256_of_the_content() -> None:
    assert digest_of(b"x") == "sha256:" + sha256(b"x").hexdigest()


@pytest.mark.parametrize(
    "value", [None, 1, "", "sha256:", "sha512:" + "a" * 64, "sha256:" + "A" * 64, "a" * 64]
)
def test_what_is_no_digest_is_refused(value: object) -> None:
    with pytest.raises(InvalidSpec, match=r"config\.digest"):
        parse_digest("config.digest", value)


def test_the_lowest_layer_is_its_own_chain() -> None:
    assert chain_ids((digest_of(b"a"),)) == (digest_of(b"a"),)


def test_a_chain_id_depends_on_everything_below() -> None:
    a, b = digest_of(b"a"), digest_of(b"b")

    assert chain_ids((a, b))[1] == digest_of(f"{a} {b}".encode())
    assert chain_ids((b, a))[1] != chain_ids((a, b))[1]
