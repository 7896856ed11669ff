"""Find an image by whatever names it. Pure."""

from __future__ import annotations

import re

from runtime.errors import Conflict, InvalidSpec, NotFound
from runtime.images.index import Entry
from runtime.oci.reference import parse_reference

_ID = re.compile(r"(sha256:)?[0-9a-f]{6,64}")


def choose(entries: list[Entry], text: str) -> tuple[Entry, str]:
    """Return the image that `text` names, and the reference it has there, "" for an id.

    Raises NotFound, InvalidSpec("image", ...), Conflict where the beginning of an id fits several.
    """
    by_id = _by_id(entries, text)
    try:
        wanted = str(parse_reference(text))
    except InvalidSpec:
        if by_id is None:
            raise
        return by_id, ""
    for entry in entries:
        if wanted in entry.references:
            return entry, wanted
    if by_id is None:
        raise NotFound("image", text)
    return by_id, ""


def _by_id(entries: list[Entry], text: str) -> Entry | None:
    if not _ID.fullmatch(text):
        return None
    start = text.removeprefix("sha256:")
    fitting = [one for one in entries if one.id.removeprefix("sha256:").startswith(start)]
    if len(fitting) > 1:
        raise Conflict(f"{text} is the beginning of {len(fitting)} images' ids")
    return fitting[0] if fitting else None
