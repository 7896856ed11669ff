"""The last steps of every process that becomes a container's: lose all privileges, then execute.

Runs between clone and exec: everything is imported before, nothing is after.
"""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import stat
from typing import NoReturn

from runtime.abi import O_PATH
from runtime.errors import InvalidSpec, KernelRefused
from runtime.isolation import capabilities, executable, sync
from runtime.isolation.plan import Confinement, Process
from runtime.isolation.users import Identity
from runtime.kernel import caps, paths, prctl, process
from runtime.kernel.procfs import write_text
from runtime.kernel.seccomp import install_filter

_FIRST_FREE = 3
_OPEN_FILES = (1024, 524_288)
_UMASK = 0o022
_ENDLESS = 1 << 64
_COMMAND_FAULTS = (
    errno.ENOENT, errno.EACCES, errno.ENOEXEC, errno.ENOTDIR, errno.ELOOP, errno.E2BIG,
    errno.EISDIR, errno.ELIBBAD, errno.EINVAL, errno.ENAMETOOLONG, errno.EPERM,
)  # fmt: skip


def reset_signals() -> None:
    """Give every signal its default action and unblock all. See `process.reset_signals`."""
    process.reset_signals()


def reset_umask() -> None:
    """Let what the container makes be read by its other users; ours lets nobody (umask(2))."""
    os.umask(_UMASK)


def take_stdio(stdio: tuple[int, int, int], pipe: sync.Pipe) -> None:
    """Make `stdio` descriptors 0, 1 and 2; the pipe is moved out of their way."""
    pipe.writer = fcntl.fcntl(pipe.writer, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE)
    moved = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE) for fd in stdio]
    for number, descriptor in enumerate(moved):
        os.dup2(descriptor, number)


def close_the_rest(pipe: sync.Pipe, *kept: int) -> None:
    """Close what came from the caller and is not needed any more: logs, sockets, other pidfds."""
    process.close_all_but((0, 1, 2, pipe.writer, *kept))


def give_pipes(stdio: tuple[int, int, int], id_base: int) -> None:
    """Let the container reopen its pipes as /dev/stdin, /dev/stdout and /dev/stderr.

    Root inside owns them; others may open them in the one direction that is theirs. Whoever wants
    to must hold the pipe already, for it has no other name than /proc/<pid>/fd.
    """
    for number, descriptor in enumerate(stdio):
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            os.fchown(descriptor, id_base, id_base)
            os.fchmod(descriptor, 0o644 if number == 0 else 0o622)


def limit(wanted: Process) -> None:
    """Set the limits that a container has, before the host's privileges are gone.

    Of open files 1024 at first, for programs that walk all of them; no core files. What is asked
    for is but raised here: `constrain` sets it when nothing is left to do. See getrlimit(2).
    """
    given = {number: hard for number, _soft, hard in wanted.rlimits}
    if resource.RLIMIT_NOFILE not in given:
        _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        ceiling = _OPEN_FILES[1] if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES[1])
        process.set_limit(resource.RLIMIT_NOFILE, min(_OPEN_FILES[0], ceiling), ceiling)
    if resource.RLIMIT_CORE not in given:
        _soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
        process.set_limit(resource.RLIMIT_CORE, 0, hard % _ENDLESS)
    for number, high in given.items():
        if high > resource.getrlimit(number)[1] % _ENDLESS:
            process.set_limit(number, high, high)


def choose_victim(wanted: Process) -> None:
    """Set how soon it is killed when memory runs out. Raises InvalidSpec("process.oom_score_adj").

    Below what it was started with a process needs CAP_SYS_RESOURCE; see proc(5).
    """
    try:
        write_text("/proc/self/oom_score_adj", str(wanted.oom_score_adj))
    except KernelRefused as refused:
        if refused.errno not in (errno.EACCES, errno.EPERM):
            raise
        reason = f"{wanted.oom_score_adj} is lower than this node may give (CAP_SYS_RESOURCE)"
        raise InvalidSpec("process.oom_score_adj", reason) from None


def constrain(wanted: Process) -> None:
    """Set what was asked for of limits and personality, with little left to be done under them."""
    for number, soft, hard in wanted.rlimits:
        process.set_limit(number, soft, hard)
    if wanted.personality is not None:
        process.set_personality(wanted.personality)


def enter_directory(root: int, path: str) -> int:
    """Change to `path` inside `root` and return its descriptor; magic links are refused.

    Raises InvalidSpec("working_dir", ...).
    """
    try:
        descriptor = paths.open_in_root(root, path, O_PATH | os.O_DIRECTORY)
    except KernelRefused as refused:
        reason = f"{path}: {os.strerror(refused.errno).lower()}"
        raise InvalidSpec("working_dir", reason) from None
    os.fchdir(descriptor)
    if not os.getcwd().startswith("/"):
        raise InvalidSpec("working_dir", f"{path} lies outside the container")
    return descriptor


def become(identity: Identity, confinement: Confinement) -> None:
    """Drop to `identity` with `confinement`; the caller is in the container's user namespace.

    What is left to be done is `lock`.
    """
    if confinement.no_new_privileges:
        prctl.set_no_new_privileges()
    for number in capabilities.numbers_outside(confinement.bounding):
        prctl.drop_from_bounding_set(number)
    late = _needs_powers(confinement)
    if late:
        prctl.keep_capabilities()
    os.setgroups(identity.groups)
    os.setresgid(identity.gid, identity.gid, identity.gid)
    os.setresuid(identity.uid, identity.uid, identity.uid)
    if not late:
        _set_powers(identity, confinement)


def lock(identity: Identity, confinement: Confinement) -> None:
    """Load the filter as late as can be, for one of the user's own may forbid nearly everything.

    Without no_new_privs that takes CAP_SYS_ADMIN (seccomp(2)), so powers are given up after it.
    """
    if _needs_powers(confinement):
        held = caps.capget().permitted
        caps.capset(held, held, 0)
        install_filter(confinement.program, flags=confinement.flags)
        _set_powers(identity, confinement)
    elif confinement.program:
        install_filter(confinement.program, flags=confinement.flags)


def _needs_powers(confinement: Confinement) -> bool:
    return bool(confinement.program) and not confinement.no_new_privileges


def _set_powers(identity: Identity, confinement: Confinement) -> None:
    permitted = 0 if identity.uid else confinement.permitted
    caps.capset(permitted, permitted, 0)
    # setresuid may have changed it; execve sets it again by what is executed.
    prctl.set_dumpable(False)


def execute(wanted: Process, identity: Identity, root: int, pipe: sync.Pipe) -> NoReturn:
    """Announce readiness and execute. Raises InvalidSpec("command", ...) or KernelRefused."""
    environment = {"HOME": identity.home} | dict(wanted.env)
    here = os.open(".", O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    name = wanted.args[0]
    path = executable.find(root, here, name, environment["PATH"])
    if wanted.umask is not None:
        os.umask(wanted.umask)
    process.close_on_exec(_FIRST_FREE)
    pipe.tell(sync.READY)
    lock(identity, wanted.confinement)
    try:
        os.execve(path, wanted.args, environment)  # noqa: S606  # it is the container
    except OSError as error:
        number = error.errno or errno.EIO
        if number in _COMMAND_FAULTS:
            raise executable.refused(name, number) from None
        raise KernelRefused("execve", number, name) from None
