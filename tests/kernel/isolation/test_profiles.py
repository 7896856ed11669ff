"""The kernel takes the filter of a profile, and decides as the profile says."""

from __future__ import annotations

import errno
import os
import signal
import tempfile
from collections.abc import Callable
from typing import Any

import pytest

from runtime.isolation.profile import compile_profile
from runtime.isolation.syscall_names import numbers
from runtime.kernel.prctl import set_no_new_privileges
from runtime.kernel.seccomp import install_filter
from runtime.oci.config_seccomp import Action, Condition, Rule, Seccomp
from tests.kernel.lab import Lab

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


def filtered(*rules: Rule, default: str = "SCMP_ACT_ALLOW") -> dict[str, Any]:
    """Return what a bundle has of a filter."""
    made = compile_profile(Seccomp(default=Action(default), rules=rules), os.uname().machine)
    return {"filter_program": made.program.hex(), "filter_flags": made.flags}


@pytest.mark.parametrize("no_new_privileges", [True, False])
@pytest.mark.parametrize("user", ["", "alice"])
def test_a_filter_holds_for_the_command_and_for_what_joins(
    lab: Lab, user: str, no_new_privileges: bool
) -> None:
    refuse = Rule(("mkdir", "mkdirat"), Action("SCMP_ACT_ERRNO", errno.EDQUOT), ())
    asked = {
        **filtered(refuse),
        "user": user,
        "no_new_privileges": no_new_privileges,
    }
    script = "mkdir /tmp/x 2>&1; grep -E '^(Seccomp|NoNewPrivs|CapEff):' /proc/self/status"
    expected = [
        "mkdir: can't create directory '/tmp/x': Disk quota exceeded",
        f"CapEff:\t{'0' * 16 if user else '00000000a00405fb'}",
        f"NoNewPrivs:\t{int(no_new_privileges)}",
        "Seccomp:\t2",
    ]

    assert lab.shell(script, **asked).splitlines() == expected
    with lab.box("/bin/sleep", "60", **asked) as box:
        assert box.join("/bin/sh", "-c", script, **asked)[1].splitlines() == expected


def test_a_filter_may_forbid_nearly_all_that_a_start_needs(lab: Lab) -> None:
    """Only what the command itself does, and what loading it takes, has to be in it."""
    needed = (
        *("execve", "exit_group", "write", "read", "brk", "mmap", "munmap", "mprotect", "open"),
        *("openat", "close", "fstat", "newfstatat", "arch_prctl", "set_tid_address", "getuid"),
        *("set_robust_list", "rseq", "prlimit64", "getrandom", "readlink", "readlinkat", "prctl"),
        *("uname", "geteuid", "getgid", "getegid", "exit", "rt_sigaction", "rt_sigprocmask"),
        *("ioctl", "writev", "getpid", "gettid", "getppid", "fcntl", "lseek", "madvise"),
    )
    asked = filtered(Rule(needed, Action("SCMP_ACT_ALLOW"), ()), default="SCMP_ACT_KILL_PROCESS")

    assert lab.run("/bin/echo", "well", **asked) == (0, "well\n")
    assert lab.run("/bin/echo", "well", reaper=True, **asked) == (0, "well\n")
