"""What block devices did is told alike from v1 and from v2."""

from __future__ import annotations

from runtime.cgroups.usage import parse_io_stat, parse_v1_entries

V1 = "8:0 Read 4096\n8:0 Write 0\nTotal 4096\n"
V2 = "8:0 rbytes=4096 wbytes=0 rios=1 wios=2 dbytes=3 dios=4\n7:1 \n"


def entry(operation: str, value: int) -> dict[str, object]:
    """Return an entry of the first disk."""
    return {"major": 8, "minor": 0, "op": operation, "value": value}


def test_v1_has_a_line_for_each_operation() -> None:
    assert parse_v1_entries(V1) == [entry("Read", 4096), entry("Write", 0)]


def test_v2_has_a_line_for_each_device() -> None:
    assert parse_io_stat(V2, "bytes") == [
        entry("Read", 4096),
        entry("Write", 0),
        entry("Discard", 3),
    ]
    assert parse_io_stat(V2, "count") == [entry("Read", 1), entry("Write", 2), entry("Discard", 4)]


def test_nothing_was_done() -> None:
    assert parse_v1_entries("") == parse_io_stat("", "bytes") == []
