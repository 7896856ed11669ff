from __future__ import annotations

import pytest

from runtime.errors import InvalidSpec
from runtime.isolation.users import Identity, resolve, with_groups

PASSWD = """\
# a comment
root:x:0:0:root:/root:/bin/sh
+nis:x:0:0::/:/bin/sh
root:x:7:7:again:/other:/bin/sh
short:x:1
wrong:x:abc:1::/:/bin/sh
huge:x:4294967296:0::/:/bin/sh
alice:x:1000:1001:Alice:/home/alice:/bin/sh
nohome:x:1002:1002:::/bin/sh
0:x:1234:1234:a name of digits:/trap:/bin/sh
minus:x:-1:0::/:/bin/sh
"""
GROUP = """\
root:x:0:
alice:x:1001:
web:x:33:alice,bob
audio:x:29:bob
both:x:44:bob,alice
far:x:70000:alice
bad:x:x:alice
"""


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", (0, 0, (0,), "/root")),
        ("root", (0, 0, (0,), "/root")),
        ("0", (0, 0, (0,), "/root")),
        ("alice", (1000, 1001, (1001, 33, 44), "/home/alice")),
        ("1000", (1000, 1001, (1001, 33, 44), "/home/alice")),
        ("alice:web", (1000, 33, (), "/home/alice")),
        ("alice:29", (1000, 29, (), "/home/alice")),
        ("4242", (4242, 0, (0,), "/")),
        ("4242:4243", (4242, 4243, (), "/")),
        ("nohome", (1002, 1002, (1002,), "/")),
        ("65535", (65535, 0, (0,), "/")),
        (":web", (0, 33, (), "/root")),
    ],
)
def test_a_user_text_becomes_ids(
    user: str, expected: tuple[int, int, tuple[int, ...], str]
) -> None:
    uid, gid, groups, home = expected

    assert resolve(user, PASSWD, GROUP) == Identity(uid=uid, gid=gid, groups=groups, home=home)


@pytest.mark.parametrize(
    "user",
    [
        "bob", "ALICE", " 0", "0 ", "-1", "+nis", "#", "wrong", "huge", "short", "minus",
        "alice:", "alice:nobody", "0:0:0", ":", "2147483648", "4294967295", "4294967296",
        "18446744073709551616", "65536", "0:65536", "alice:4294967296", "٣", "0x0", "1e3",
    ],
)  # fmt: skip
def test_what_is_no_user_is_refused(user: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        resolve(user, PASSWD, GROUP)

    assert caught.value.field == "user"


def test_digits_are_a_number_even_where_a_name_looks_like_one() -> None:
    assert resolve("0", "0:x:1234:1234::/trap:/bin/sh\n", "").uid == 0


def test_without_files_numbers_still_work() -> None:
    assert resolve("", "", "") == Identity(uid=0, gid=0, groups=(0,), home="/")
    assert resolve("5:6", "", "") == Identity(uid=5, gid=6, groups=(), home="/")


def test_a_line_of_a_megabyte_costs_no_more_than_itself() -> None:
    passwd = "x" * 1_000_000 + ":" * 100_000 + "\n" + PASSWD

    assert resolve("alice", passwd, GROUP).uid == 1000


def test_a_line_with_a_nul_is_skipped() -> None:
    assert resolve("alice", "alice:x:0:0:\0:/:/bin/sh\n" + PASSWD, GROUP).uid == 1000


def test_more_groups_than_any_program_expects_are_refused() -> None:
    group = "".join(f"g{number}:x:{number}:alice\n" for number in range(2, 2000))

    with pytest.raises(InvalidSpec, match="1024 groups"):
        resolve("alice", PASSWD, group)


def test_groups_are_added_by_name_or_number_once() -> None:
    identity = Identity(uid=0, gid=0, groups=(0,), home="/")

    added = with_groups(identity, ("web", "7", "0", "web"), "root:x:0:\nweb:x:33:\n")

    assert added.groups == (0, 33, 7)


@pytest.mark.parametrize("name", ["nonesuch", "65536"])
def test_a_group_that_is_not_there_is_refused_by_name(name: str) -> None:
    identity = Identity(uid=0, gid=0, groups=(0,), home="/")

    with pytest.raises(InvalidSpec) as refused:
        with_groups(identity, (name,), "root:x:0:\n")

    assert refused.value.field == "process.groups_add"
