"""The filter box: `state:running image:shop word`. Pure parsing, and the same for every list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MAX_WORDS = 12


@dataclass(frozen=True, slots=True)
class Search:
    """What was asked: free words, all of which must occur, and `key:value` pairs."""

    words: tuple[str, ...]
    keys: Mapping[str, str]


def parse(text: str, known: frozenset[str]) -> Search:
    """Split `text`; a pair whose key is not among `known` is a free word."""
    words: list[str] = []
    keys: dict[str, str] = {}
    for part in text.split()[:MAX_WORDS]:
        key, colon, value = part.partition(":")
        if colon and value and key.lower() in known:
            keys[key.lower()] = value
        else:
            words.append(part)
    return Search(tuple(words), keys)
