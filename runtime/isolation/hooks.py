"""Running the hooks of an OCI bundle: programs that are told the container's state on stdin.

See config.md#posix-platform-hooks. The caller is single-threaded. A hook gets only the environment
that it is given, and of the caller's descriptors only stdout and stderr.
"""

from __future__ import annotations

import os
import select
import signal
from typing import NoReturn

from runtime.errors import InvalidSpec, KernelRefused
from runtime.isolation import sync
from runtime.kernel import process
from runtime.oci.config import Hook

_FIRST_FREE = 3


def run_hooks(kind: str, hooks: tuple[Hook, ...], state: bytes) -> None:
    """Run hooks in order, each to its end; `state` is the JSON of the container's state.

    `kind` is one of `runtime.oci.config.HOOKS`. Raises InvalidSpec("hooks.<kind>[n]...") for the
    first that cannot be executed, does not end with 0 or not within its timeout; in the last case
    it is killed, with its process group. Later ones do not run then.
    """
    for place, hook in enumerate(hooks):
        field = f"hooks.{kind}[{place}]"
        try:
            status = _run(hook, state)
        except KernelRefused as refused:
            raise InvalidSpec(f"{field}.path", str(refused)) from None
        except TimeoutError:
            reason = f"{hook.path} was killed after {hook.timeout_seconds} seconds"
            raise InvalidSpec(f"{field}.timeout", reason) from None
        if status:
            how = f"with {status}" if status > 0 else f"by signal {-status}"
            raise InvalidSpec(field, f"{hook.path} ended {how}")


def _run(hook: Hook, state: bytes) -> int:
    """Return the exit code, negative for a signal. Raises KernelRefused, TimeoutError."""
    told = _as_file(state)
    pipe = sync.Pipe()
    try:
        pid, pidfd = process.clone3(0)
        if pid == 0:
            _execute(hook, told, pipe)
        pipe.keep_reader()
        try:
            pipe.hear()  # the end of file is execve's
            if not _has_ended(pidfd, hook.timeout_seconds):
                os.killpg(pid, signal.SIGKILL)
                raise TimeoutError
        finally:
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            os.close(pidfd)
        return status
    finally:
        pipe.close()
        os.close(told)


def _as_file(state: bytes) -> int:
    """Return a file at its beginning: a hook may read it or not, and nobody waits for that."""
    descriptor = os.memfd_create("state", os.MFD_CLOEXEC)
    os.write(descriptor, state)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _has_ended(pidfd: int, seconds: int | None) -> bool:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(None if seconds is None else seconds * 1000))


def _execute(hook: Hook, told: int, pipe: sync.Pipe) -> NoReturn:
    try:
        os.setpgid(0, 0)
        process.reset_signals()
        os.dup2(told, 0)
        process.close_on_exec(_FIRST_FREE)
        environment = dict(text.split("=", 1) for text in hook.env if "=" in text)
        os.execve(hook.path, hook.args or (hook.path,), environment)  # noqa: S606
    except OSError as error:
        pipe.tell_fault(KernelRefused("execve", error.errno or 0, hook.path))
    except BaseException as fault:  # noqa: BLE001  # the parent gets every kind
        pipe.tell_fault(fault)
    finally:
        os._exit(1)
