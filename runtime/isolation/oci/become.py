"""The last steps of a process of an OCI bundle: its limits and powers as given, then execve(2).

Runs between clone and exec: everything is imported before, nothing is after.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from typing import NoReturn

from runtime.abi import O_PATH
from runtime.errors import InvalidSpec, KernelRefused
from runtime.isolation import capabilities, executable, sync, users
from runtime.isolation.oci.plan import IdMaps, ProcessPlan
from runtime.isolation.plan import DEFAULT_PATH
from runtime.kernel import caps, paths, prctl, process, scheduling
from runtime.kernel.procfs import write_text
from runtime.kernel.seccomp import install_filter

FIRST_FREE = 3
_MOST_PROCESSORS = 8192
"""The kernel's largest NR_CPUS; it takes those of a list that there are."""
_NOT_OURS = (errno.EPERM, errno.EINVAL, errno.EROFS)


def give_stdio(wanted: ProcessPlan, maps: IdMaps) -> None:
    """Let the process reopen its pipes and terminals as /dev/stdin, /dev/stdout, /dev/stderr."""
    owner = maps.uid(wanted.uid)
    for number in range(FIRST_FREE):
        try:
            about = os.fstat(number)
            if about.st_uid != owner and (stat.S_ISFIFO(about.st_mode) or os.isatty(number)):
                os.fchown(number, owner, -1)
        except OSError as error:
            if error.errno not in (*_NOT_OURS, errno.EBADF):
                raise


def limit(wanted: ProcessPlan) -> None:
    """Set hard limits, and soft ones as high, while the host's privileges are there to do it.

    `execute` lowers the soft ones: what is still to be done here may need more than they allow.
    """
    for rlimit in wanted.rlimits:
        process.set_limit(rlimit.number, rlimit.hard, rlimit.hard)
    if wanted.oom_score_adj is not None:
        write_text("/proc/self/oom_score_adj", str(wanted.oom_score_adj))
    schedule(wanted)


def schedule(wanted: ProcessPlan) -> None:
    """Set when the process runs. Raises InvalidSpec for what this host does not let it have."""
    asked, disks = wanted.scheduler, wanted.io_priority
    try:
        if asked is not None:
            times = (asked.runtime, asked.deadline, asked.period)
            scheduling.sched_setattr(asked.policy, asked.flags, asked.nice, asked.priority, times)
        if disks is not None:
            scheduling.ioprio_set(disks.kind, disks.priority)
    except KernelRefused as refused:
        field = "scheduler" if refused.call == "sched_setattr" else "ioPriority"
        raise InvalidSpec(f"process.{field}", os.strerror(refused.errno).lower()) from None


def choose_processors(wanted: frozenset[int]) -> None:
    """Let the caller run on these only, or if there are none, on all that its cgroup has.

    Raises InvalidSpec. See sched_setaffinity(2).
    """
    try:
        os.sched_setaffinity(0, wanted or range(_MOST_PROCESSORS))
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise InvalidSpec("process.execCPUAffinity", reason) from None


def find(wanted: ProcessPlan, root: int, here: int) -> tuple[str, dict[str, str]]:
    """Return path and environment of what is to be executed. Raises InvalidSpec(process.args)."""
    environment = dict(wanted.env)
    if "HOME" not in environment:
        environment["HOME"] = users.home_of(root, wanted.uid)
    search = environment.get("PATH", DEFAULT_PATH)
    try:
        return executable.find(root, here, wanted.args[0], search), environment
    except InvalidSpec as refused:
        raise InvalidSpec("process.args", refused.reason) from None


def enter_directory(root: int, path: str) -> int:
    """Change to `path` inside `root`; return its descriptor. Raises InvalidSpec(process.cwd)."""
    try:
        descriptor = paths.open_in_root(root, path, O_PATH | os.O_DIRECTORY)
        os.fchdir(descriptor)
    except KernelRefused as refused:
        reason = f"{path}: {os.strerror(refused.errno).lower()}"
        raise InvalidSpec("process.cwd", reason) from None
    if not os.getcwd().startswith("/"):
        raise InvalidSpec("process.cwd", f"{path} lies outside the container")
    return descriptor


def execute(
    wanted: ProcessPlan, path: str, environment: dict[str, str], pipe: sync.Pipe
) -> NoReturn:
    """Become the user, lose what is not granted, and execute. Raises InvalidSpec, KernelRefused.

    A filter without no_new_privs needs CAP_SYS_ADMIN (seccomp(2)), so it is loaded as late as that
    is there; what comes after it is but what the specification's own order has there, too.
    """
    powers = wanted.powers
    if wanted.personality is not None:
        process.set_personality(wanted.personality)
    if wanted.umask is not None:
        os.umask(wanted.umask)
    if wanted.no_new_privileges:
        prctl.set_no_new_privileges()
    for number in capabilities.numbers_outside(powers.bounding):
        prctl.drop_from_bounding_set(number)
    prctl.keep_capabilities()
    os.setgroups(wanted.groups)
    os.setresgid(wanted.gid, wanted.gid, wanted.gid)
    os.setresuid(wanted.uid, wanted.uid, wanted.uid)
    for rlimit in wanted.rlimits:
        process.set_limit(rlimit.number, rlimit.soft, rlimit.hard)
    _close_the_rest(wanted.preserved)
    pipe.tell(sync.READY)
    if wanted.filter is not None and not wanted.no_new_privileges:
        held = caps.capget().permitted
        caps.capset(held, held, powers.inheritable)
        install_filter(wanted.filter.program, flags=wanted.filter.flags)
    caps.capset(powers.effective, powers.permitted, powers.inheritable)
    for number in capabilities.numbers_in(powers.ambient):
        prctl.raise_ambient(number)
    # setresuid may have changed it; execve sets it again by what is executed.
    prctl.set_dumpable(False)
    if wanted.filter is not None and wanted.no_new_privileges:
        install_filter(wanted.filter.program, flags=wanted.filter.flags)
    try:
        os.execve(path, wanted.args, environment)  # noqa: S606  # it is the container
    except OSError as error:
        reason = executable.refused(wanted.args[0], error.errno or errno.EIO).reason
        raise InvalidSpec("process.args", reason) from None


def _close_the_rest(preserved: tuple[int, ...]) -> None:
    """Mark all but stdio and the preserved ones close-on-exec, whatever their makers thought."""
    process.close_on_exec(FIRST_FREE)
    for number in preserved:
        fcntl.fcntl(number, fcntl.F_SETFD, 0)
