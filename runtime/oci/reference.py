"""Names of images: `[registry/]path[:tag][@digest]` (distribution-spec: "Pulling manifests").

A short name is completed the way people expect: `busybox` is `docker.io/library/busybox:latest`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from runtime.errors import InvalidSpec
from runtime.oci.digest import is_digest

DEFAULT_REGISTRY = "docker.io"
DEFAULT_TAG = "latest"
MAX_REPOSITORY = 255

_PATH = re.compile(
    r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_LABEL = r"(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])"
_REGISTRY = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]{{1,5}})?")


@dataclass(frozen=True, slots=True)
class Reference:
    """One complete name; `tag` is empty only where a digest stands in its place."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        """Return the canonical form, `docker.io/library/busybox:latest`."""
        return f"{self.name}{self._suffix()}"

    @property
    def name(self) -> str:
        """The registry and the path, without tag and digest."""
        return f"{self.registry}/{self.repository}"

    @property
    def familiar(self) -> str:
        """The shortest form that parses to the same reference but keeps its tag."""
        if self.registry != DEFAULT_REGISTRY:
            return str(self)
        short = self.repository.removeprefix("library/")
        if "/" in short and short != self.repository:
            short = self.repository
        first, slash, _ = short.partition("/")
        if slash and _looks_like_registry(first):
            short = f"{DEFAULT_REGISTRY}/{short}"
        return f"{short}{self._suffix()}"

    def _suffix(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{tag}@{self.digest}" if self.digest else tag


def parse_reference(text: str, *, field: str = "image") -> Reference:
    """Parse and complete a name. Raises InvalidSpec naming `field`."""
    if not isinstance(text, str) or not text:
        raise InvalidSpec(field, "is empty")
    shown = repr(text[:100])
    rest, at, digest = text.partition("@")
    if at and not is_digest(digest):
        raise InvalidSpec(field, f"{shown} has a digest that is not sha256")
    registry, path = _split_registry(rest)
    path, colon, tag = path.partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise InvalidSpec(field, f"{shown} has an invalid tag")
    if not _REGISTRY.fullmatch(registry):
        raise InvalidSpec(field, f"{shown} has an invalid registry name")
    if not _PATH.fullmatch(path):
        raise InvalidSpec(field, f"{shown} is not a valid image name")
    if registry == DEFAULT_REGISTRY and "/" not in path:
        path = f"library/{path}"
    if len(registry) + 1 + len(path) > MAX_REPOSITORY:
        raise InvalidSpec(field, f"is longer than {MAX_REPOSITORY} characters")
    if not tag and not digest:
        tag = DEFAULT_TAG
    return Reference(registry, path, tag, digest)


def _split_registry(text: str) -> tuple[str, str]:
    first, slash, rest = text.partition("/")
    if slash and _looks_like_registry(first):
        return ("docker.io" if first == "index.docker.io" else first), rest
    return DEFAULT_REGISTRY, text


def _looks_like_registry(text: str) -> bool:
    return "." in text or ":" in text or text == "localhost" or text != text.lower()
