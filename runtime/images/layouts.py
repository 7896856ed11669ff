"""What an archive of images says it holds: docker-save, or an OCI layout. Pure but for `read`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from runtime.errors import Exhausted, InvalidSpec
from runtime.oci.descriptor import Descriptor, Manifest, parse_index
from runtime.oci.digest import hex_of
from runtime.oci.platform import Platform, runs_on
from runtime.oci.reference import parse_reference

MAX_IMAGES = 64
MAX_NESTING = 4
MAX_DOCUMENTS = 1024
"""Indexes and manifests that one archive may have read: indexes can name each other many times."""
NAME = "org.opencontainers.image.ref.name"
FULL_NAME = "io.containerd.image.name"
INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
Read = Callable[[str], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file of the archive, with the digest that it was promised to have, if one was."""

    name: str
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An image in an archive: where its configuration and its layers (bottom first) are."""

    references: tuple[str, ...]
    config: Member
    layers: tuple[Member, ...]


def find_images(names: set[str], read: Read, host: Platform) -> list[Found]:
    """Return the images of an archive with these members. Raises InvalidSpec("archive", ...)."""
    some: Iterator[Found]
    if "manifest.json" in names:
        some = _docker_save(_json(read, "manifest.json"))
    elif "index.json" in names:
        index = _json(read, "index.json")
        some = _layout(parse_index("index.json", index), _counted(read), host, 0)
    else:
        raise InvalidSpec("archive", "has neither a manifest.json nor an index.json")
    found = list(islice(some, MAX_IMAGES + 1))
    if not found:
        raise InvalidSpec("archive", f"has no image for {host}")
    if len(found) > MAX_IMAGES:
        raise InvalidSpec("archive", f"has more than {MAX_IMAGES} images")
    return found


def _docker_save(plain: object) -> Iterator[Found]:
    if not isinstance(plain, list):
        raise InvalidSpec("archive", "manifest.json is not a list")
    for one in plain:
        if not isinstance(one, dict):
            raise InvalidSpec("archive", "manifest.json has an entry that is not an object")
        tags, layers = one.get("RepoTags") or [], one.get("Layers") or []
        if not isinstance(tags, list) or not isinstance(layers, list):
            raise InvalidSpec("archive", "manifest.json: RepoTags and Layers are lists")
        yield Found(
            references=tuple(_reference(tag) for tag in tags),
            config=Member(name=_name(one.get("Config"))),
            layers=tuple(Member(name=_name(layer)) for layer in layers),
        )


def _layout(
    manifests: tuple[Descriptor, ...], read: Read, host: Platform, depth: int
) -> Iterator[Found]:
    if depth > MAX_NESTING:
        raise InvalidSpec("archive", f"nests indexes more than {MAX_NESTING} deep")
    for descriptor in manifests:
        if descriptor.platform is not None and not runs_on(descriptor.platform, host):
            continue
        plain = _json(read, _blob(descriptor).name)
        if descriptor.media_type in INDEX_TYPES:
            inner = parse_index(descriptor.digest, plain)
            for found in _layout(inner, read, host, depth + 1):
                yield Found(
                    references=found.references or _names(descriptor),
                    config=found.config,
                    layers=found.layers,
                )
            continue
        manifest = Manifest.from_json(descriptor.digest, plain)
        yield Found(
            references=_names(descriptor),
            config=_blob(manifest.config),
            layers=tuple(_blob(layer) for layer in manifest.layers),
        )


def _counted(read: Read) -> Read:
    """Return `read` with an end. It raises Exhausted there."""
    left = iter(range(MAX_DOCUMENTS))

    def counted(name: str) -> bytes:
        if next(left, None) is None:
            raise Exhausted(f"the archive's indexes name more than {MAX_DOCUMENTS} documents")
        return read(name)

    return counted


def _names(descriptor: Descriptor) -> tuple[str, ...]:
    name = descriptor.annotations.get(FULL_NAME) or descriptor.annotations.get(NAME)
    return (_reference(name),) if name else ()


def _blob(descriptor: Descriptor) -> Member:
    return Member(name=f"blobs/sha256/{hex_of(descriptor.digest)}", digest=descriptor.digest)


def _reference(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidSpec("archive", f"{str(value)[:100]!r} is not a name of an image")
    return str(parse_reference(value, field="archive"))


def _name(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidSpec("archive", "manifest.json does not name a file where it should")
    return value


def _json(read: Read, name: str) -> Any:
    try:
        return json.loads(read(name))
    except (ValueError, RecursionError):
        raise InvalidSpec("archive", f"{name} is not JSON") from None
