"""A profile of config.json decides as its text says, for every operator and architecture."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from runtime.errors import InvalidSpec
from runtime.isolation.profile import compile_profile
from runtime.isolation.syscall_names import numbers
from runtime.isolation.syscalls import REFUSED
from runtime.oci.config_seccomp import parse_seccomp
from runtime.oci.reading import Fields
from tests.unit.isolation.bpf import AARCH64, ALLOW, ARM, I386, X86_64, decide

READ, WRITE, SOCKET = 0, 1, 41
X32 = 0x4000_0000
EDGES = (0, 1, 5, 2**32 - 1, 2**32, 2**32 + 5, 2**63, 2**64 - 1)


def program(*rules: dict[str, Any], machine: str = "x86_64", **options: Any) -> bytes:
    """Compile rules with a default of allowing, unless told otherwise."""
    document = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": list(rules)} | options
    return compile_profile(parse_seccomp(Fields(document)), machine).program


def rule(*names: str, errno: int = 1, args: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """Return a rule that answers `errno`."""
    return {
        "names": list(names),
        "action": "SCMP_ACT_ERRNO",
        "errnoRet": errno,
        "args": list(args),
    }


def meets(operator: str, left: int, right: int, second: int) -> bool:
    """Compare as config-linux.md words it."""
    return {
        "SCMP_CMP_NE": left != right,
        "SCMP_CMP_LT": left < right,
        "SCMP_CMP_LE": left <= right,
        "SCMP_CMP_EQ": left == right,
        "SCMP_CMP_GE": left >= right,
        "SCMP_CMP_GT": left > right,
        "SCMP_CMP_MASKED_EQ": left & right == second,
    }[operator]


@pytest.mark.parametrize("operator", ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"])
def test_an_operator_compares_all_64_bits(operator: str) -> None:
    name = f"SCMP_CMP_{operator}"
    for value, argument in itertools.product(EDGES, EDGES):
        second = value & 5
        condition = {"index": 2, "value": value, "valueTwo": second, "op": name}
        compiled = program(rule("write", errno=7, args=(condition,)))

        expected = "7" if meets(name, argument, value, second) else ALLOW
        assert decide(compiled, X86_64, WRITE, (9, 9, argument)) == expected, (value, argument)


def test_all_conditions_of_a_rule_must_hold() -> None:
    both = (
        {"index": 0, "value": 3, "op": "SCMP_CMP_EQ"},
        {"index": 1, "value": 10, "op": "SCMP_CMP_GT"},
    )
    compiled = program(rule("write", errno=7, args=both))

    assert decide(compiled, X86_64, WRITE, (3, 11)) == "7"
    assert decide(compiled, X86_64, WRITE, (3, 10)) == ALLOW
    assert decide(compiled, X86_64, WRITE, (4, 11)) == ALLOW


def test_the_first_rule_that_fits_decides() -> None:
    three = ({"index": 0, "value": 3, "op": "SCMP_CMP_EQ"},)
    compiled = program(rule("write", errno=7, args=three), rule("write", errno=8))

    assert decide(compiled, X86_64, WRITE, (3,)) == "7"
    assert decide(compiled, X86_64, WRITE, (4,)) == "8"
    assert decide(compiled, X86_64, READ, (3,)) == ALLOW


def test_what_no_rule_names_gets_the_default() -> None:
    allowed = {"names": ["read", "socket"], "action": "SCMP_ACT_ALLOW"}
    compiled = program(allowed, defaultAction="SCMP_ACT_ERRNO", defaultErrnoRet=38)

    assert [decide(compiled, X86_64, n) for n in (READ, WRITE, SOCKET, 9999)] == [
        *(ALLOW, "38", ALLOW, "38")
    ]


def test_each_architecture_has_its_own_numbers() -> None:
    compiled = program(rule("write"), architectures=["SCMP_ARCH_X86", "SCMP_ARCH_X86_64"])

    assert decide(compiled, I386, 4) == "1"
    assert decide(compiled, I386, 1) == ALLOW
    assert decide(program(rule("write"), machine="aarch64"), AARCH64, 64) == "1"


def test_an_architecture_that_is_not_listed_ends_the_process() -> None:
    assert decide(program(rule("write")), I386, 1) == "kill"
    assert decide(program(rule("write"), architectures=["SCMP_ARCH_ARM"]), ARM, 1) == "kill"


def test_x32_is_judged_as_x86_64_where_listed_and_else_ends_the_process() -> None:
    assert decide(program(rule("write")), X86_64, X32 | WRITE) == "kill"
    assert decide(program(rule("write")), X86_64, WRITE) == "1"

    listed = program(rule("write"), architectures=["SCMP_ARCH_X32"])
    assert decide(listed, X86_64, X32 | WRITE) == "1"
    assert decide(listed, X86_64, X32 | READ) == ALLOW


def test_a_name_that_the_architecture_lacks_is_passed_over() -> None:
    compiled = program(rule("socketcall", "no_such_call", "write"))

    assert decide(compiled, X86_64, WRITE) == "1"


def test_an_unknown_architecture_and_a_monstrous_profile_are_refused() -> None:
    with pytest.raises(InvalidSpec, match="is not an architecture"):
        program(architectures=["SCMP_ARCH_VAX"])
    many = tuple({"index": 0, "value": n, "op": "SCMP_CMP_EQ"} for n in range(1500))
    with pytest.raises(InvalidSpec, match="at most 4096"):
        program(*(rule("write", args=(one,)) for one in many))


def test_a_profile_with_every_call_by_itself_is_searched_right() -> None:
    """Each its own errno: no two leaves fold, jumps over halves become long."""
    names = numbers(0)
    compiled = program(*(rule(name, errno=1 + number) for name, number in names.items()))

    for number in names.values():
        assert decide(compiled, X86_64, number) == str(1 + number)


def test_flags_reach_the_kernel() -> None:
    flags = ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"]
    seccomp = parse_seccomp(Fields({"defaultAction": "SCMP_ACT_ALLOW", "flags": flags}))

    assert compile_profile(seccomp, "x86_64").flags == 6


def test_the_names_agree_with_the_numbers_of_the_default_filter() -> None:
    for column in range(3):
        known = numbers(column)
        for name, (_capability, *theirs) in REFUSED.items():
            if name in known and theirs[column] is not None:
                assert known[name] == theirs[column], name
