"""Which names lead to which images: one durable record per namespace."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

from runtime.errors import NotFound
from runtime.events import ImageSummary
from runtime.state import durable, locks

SUFFIX = ".json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An image of a namespace: its id is its configuration's digest, `layers` are chain ids,
    bottom first; `size` in bytes."""

    id: str
    references: tuple[str, ...]
    layers: tuple[str, ...]
    size: int
    architecture: str
    created_ns: int | None = None

    def summary(self, namespace: str) -> ImageSummary:
        """Return the entry as it is listed."""
        return ImageSummary(namespace=namespace, **asdict(self))


class Index:
    """The records below one data root."""

    def __init__(self, data: str) -> None:
        self._directory = f"{data}/images"

    @contextmanager
    def locked(self, *, shared: bool = False) -> Iterator[None]:
        """Keep others from changing the index; `shared` keeps only changes away."""
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        with locks.hold(f"{self._directory}/lock", shared=shared):
            yield

    def namespaces(self) -> list[str]:
        """Return the namespaces that have a record."""
        try:
            names = sorted(os.listdir(self._directory))
        except FileNotFoundError:
            return []
        return [name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)]

    def entries(self, namespace: str) -> list[Entry]:
        """Return the images of one namespace."""
        try:
            plain = json.loads(durable.read(self._file(namespace)))
        except (FileNotFoundError, NotFound):
            return []
        return [
            Entry(**{**one, "references": tuple(one["references"]), "layers": tuple(one["layers"])})
            for one in plain["images"]
        ]

    def write(self, namespace: str, entries: list[Entry]) -> None:
        """Replace a namespace's record durably; call it under the lock."""
        plain = {"schema": 1, "images": [asdict(one) for one in entries]}
        durable.replace_durably(self._file(namespace), json.dumps(plain).encode())

    def add(self, namespace: str, new: list[Entry]) -> list[Entry]:
        """Add images; a name that led elsewhere leads to the new one now. Call under the lock."""
        known = {one.id: one for one in self.entries(namespace)}
        for image in new:
            known = {
                key: replace(
                    one,
                    references=tuple(r for r in one.references if r not in image.references),
                )
                for key, one in known.items()
            }
            old = known.get(image.id)
            names = (*(old.references if old else ()), *image.references)
            known[image.id] = replace(image, references=tuple(dict.fromkeys(names)))
        self.write(namespace, list(known.values()))
        return [known[image.id] for image in new]

    def _file(self, namespace: str) -> str:
        return f"{self._directory}/{namespace}{SUFFIX}"
