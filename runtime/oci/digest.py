"""Content digests (image-spec: descriptor.md, "Digests"). Only sha256 is accepted."""

from __future__ import annotations

import hashlib
import re

from runtime.errors import InvalidSpec

_SHAPE = re.compile(r"sha256:[0-9a-f]{64}")


def parse_digest(field: str, value: object) -> str:
    """Return `value` if it is a sha256 digest. Raises InvalidSpec naming `field`."""
    if not isinstance(value, str) or not _SHAPE.fullmatch(value):
        raise InvalidSpec(field, f"{str(value)[:100]!r} is not a sha256 digest")
    return value


def is_digest(value: str) -> bool:
    """Say whether `value` has the shape of a sha256 digest."""
    return _SHAPE.fullmatch(value) is not None


def digest_of(content: bytes) -> str:
    """Return the digest of `content`."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def hex_of(digest: str) -> str:
    """Return the 64 hexadecimal digits of a digest, which name its file on disk."""
    return digest.removeprefix("sha256:")


def chain_ids(diff_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Return the id of each layer on top of those below it (image-spec: config.md, "ChainID")."""
    chain: list[str] = []
    for diff_id in diff_ids:
        chain.append(digest_of(f"{chain[-1]} {diff_id}".encode()) if chain else diff_id)
    return tuple(chain)
