"""The kernel takes the filter of a profile, and decides as the profile says."""

from __future__ import annotations

import errno
import os
import signal
import tempfile
from collections.abc import Callable

import pytest

from runtime.isolation.profile import compile_profile
from runtime.isolation.syscall_names import numbers
from runtime.kernel.prctl import set_no_new_privileges
from runtime.kernel.seccomp import install_filter
from runtime.oci.config_seccomp import Action, Condition, Rule, Seccomp

ALLOW = Action("SCMP_ACT_ALLOW")


def refused_with(attempt: Callable[[], object], seccomp: Seccomp) -> int:
    """Return the errno that a child meets at `attempt` behind the filter, 0 for none."""
    made = compile_profile(seccomp, os.uname().machine)
    pid = os.fork()
    if pid == 0:
        try:
            set_no_new_privileges()
            install_filter(made.program, flags=made.flags)
            attempt()
        except OSError as error:
            os._exit(error.errno or 255)
        except BaseException:
            os._exit(254)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_an_errno_of_a_rule_is_what_the_caller_meets() -> None:
    rule = Rule(("mkdir", "mkdirat"), Action("SCMP_ACT_ERRNO", errno.EDQUOT), ())

    with tempfile.TemporaryDirectory() as directory:
        attempt = lambda: os.mkdir(f"{directory}/new")  # noqa: E731
        assert refused_with(attempt, Seccomp(default=ALLOW, rules=(rule,))) == errno.EDQUOT
        assert os.listdir(directory) == []


@pytest.mark.parametrize(
    ("operator", "value", "second", "refused"),
    [
        ("SCMP_CMP_EQ", signal.SIGCONT, 0, True),
        ("SCMP_CMP_NE", signal.SIGCONT, 0, False),
        ("SCMP_CMP_GT", signal.SIGCONT - 1, 0, True),
        ("SCMP_CMP_GE", signal.SIGCONT + 1, 0, False),
        ("SCMP_CMP_LT", signal.SIGCONT, 0, False),
        ("SCMP_CMP_LE", signal.SIGCONT, 0, True),
        ("SCMP_CMP_MASKED_EQ", 0x10, signal.SIGCONT & 0x10, True),
    ],
)
def test_an_argument_is_compared(operator: str, value: int, second: int, refused: bool) -> None:
    condition = Condition(1, operator, int(value), int(second))
    rule = Rule(("kill",), Action("SCMP_ACT_ERRNO", errno.EUCLEAN), (condition,))
    attempt = lambda: os.kill(os.getpid(), signal.SIGCONT)  # noqa: E731

    met = refused_with(attempt, Seccomp(default=ALLOW, rules=(rule,)))

    assert met == (errno.EUCLEAN if refused else 0)


def test_a_profile_that_names_every_call_is_taken_and_ends_what_it_forbids() -> None:
    allowed = tuple(name for name in numbers(0) if name != "getppid")
    seccomp = Seccomp(
        default=Action("SCMP_ACT_KILL_PROCESS"),
        architectures=("SCMP_ARCH_X86", "SCMP_ARCH_X32"),
        flags=("SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"),
        rules=(Rule(allowed, ALLOW, ()),),
    )

    assert refused_with(os.getpgrp, seccomp) == 0
    assert refused_with(os.getppid, seccomp) == -signal.SIGSYS
