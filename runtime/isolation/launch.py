"""Starting a container's first process, and further ones, from outside.

The caller is single-threaded (its children are made by raw clone3), is their parent and reaps
them. Charts of who talks to whom are in sync.py and enter.py.
"""

from __future__ import annotations

import errno
import os
import signal
import time

from runtime.abi import CLONE_NEWNS, CLONE_NEWPID
from runtime.cgroups.cgroup import Cgroup
from runtime.errors import Exhausted, InvalidSpec, KernelRefused, RuntimeFault
from runtime.isolation import enter, init, sync
from runtime.isolation.children import Launched, clone, end, is_crowded
from runtime.isolation.namespaces import Space, children_in, refresh
from runtime.isolation.plan import JoinSpec, LaunchPlan, plan_join, plan_launch
from runtime.isolation.terminal import Terminal
from runtime.kernel import process
from runtime.oci.bundle import Bundle

__all__ = ["Launched", "join", "launch"]

_LAUNCH_SECONDS = 60.0
_JOIN_SECONDS = 15.0


def launch(
    bundle: Bundle, *, space: Space, cgroup: Cgroup, stdio: tuple[int, int, int]
) -> Launched:
    """Build the container of `bundle` and execute its command; returns when execve has succeeded.

    `space`'s uts and ipc namespaces are used up. `stdio` are the container's ends of its streams.
    Raises InvalidSpec (`command`, `user`, `working_dir`, `image`, `limits.memory_bytes`) or
    KernelRefused, and then nothing is left of it but the caller's own space and cgroup.
    """
    plan = plan_launch(bundle, view=cgroup.view, machine=os.uname().machine)
    return carry_out(plan, space=space, cgroup=cgroup, stdio=stdio)


def carry_out(
    plan: LaunchPlan, *, space: Space, cgroup: Cgroup, stdio: tuple[int, int, int]
) -> Launched:
    """Build what was planned; all else is as with `launch`."""
    if space.uts is None or space.ipc is None:
        refresh(space)
    pipe = sync.Pipe()
    try:
        with children_in(space.pid):
            pid, pidfd = _clone(plan.fresh & (CLONE_NEWNS | CLONE_NEWPID), cgroup)
            if pid == 0:
                order = init.Order(plan=plan, space=space, cgroup=cgroup, stdio=stdio, pipe=pipe)
                init.run(order)
        pipe.keep_reader()
        launched = Launched(pid, pidfd)
        story = pipe.hear_out(deadline=time.monotonic() + _LAUNCH_SECONDS)
        return _judge(story, launched, cgroup)
    finally:
        pipe.close()
        space.drop_fresh()


def join(
    target: int,
    joiner: JoinSpec,
    *,
    stdio: tuple[int, int, int],
    cgroup: Cgroup | None = None,
    terminal: Terminal | None = None,
) -> Launched:
    """Execute a further command in the container whose first process is pidfd `target`.

    Returns when execve has succeeded. A `terminal` takes the place of `stdio`; its master has been
    handed over then. Raises as `launch` does; nothing is left then.
    """
    deadline = time.monotonic() + _JOIN_SECONDS
    joining = begin_join(target, joiner, stdio=stdio, cgroup=cgroup, terminal=terminal)
    joining.hear_out(deadline)
    return joining.judge()


def begin_join(
    target: int,
    joiner: JoinSpec,
    *,
    stdio: tuple[int, int, int],
    cgroup: Cgroup | None = None,
    terminal: Terminal | None = None,
) -> Joining:
    """Begin what `join` does and return at once. Raises what refuses it before it has begun."""
    plan = plan_join(joiner, machine=os.uname().machine)
    pipe = sync.Pipe()
    try:
        pid, pidfd = _clone(0, cgroup)
        if pid == 0:
            enter.run(
                enter.Order(
                    process=plan,
                    target=target,
                    cgroup=cgroup,
                    stdio=stdio,
                    pipe=pipe,
                    terminal=terminal,
                )
            )
    except BaseException:
        pipe.close()
        raise
    pipe.keep_reader()
    return Joining(Launched(pid, pidfd), pipe, cgroup)


class Joining:
    """A join under way: to be heard out, and then asked once what came of it."""

    def __init__(self, joiner: Launched, pipe: sync.Pipe, cgroup: Cgroup | None) -> None:
        self._joiner = joiner
        self._pipe = pipe
        self._cgroup = cgroup
        self._story = sync.Story()

    @property
    def fd(self) -> int:
        """What is readable whenever there is something to hear."""
        return self._pipe.reader

    @property
    def pid(self) -> int | None:
        """The process that is to execute the command, once there is one: the caller's child."""
        return self._story.pid

    def hear(self) -> bool:
        """Take in what is told next, which is there once `fd` is readable; say if it is over."""
        return self._pipe.hear_into(self._story)

    def hear_out(self, deadline: float) -> None:
        """Wait until it is over, or until `deadline` of time.monotonic()."""
        while not self._pipe.hear_into(self._story, deadline=deadline):
            continue

    def judge(self) -> Launched:
        """Return the process, which executes the command; else raise why not, nothing is left."""
        self._pipe.close()
        end(self._joiner)
        pid = self._story.pid
        if pid is None:
            raise _explain(self._story, self._cgroup)
        return _judge(self._story, _held(pid), self._cgroup)


def _clone(flags: int, cgroup: Cgroup | None) -> tuple[int, int]:
    try:
        return clone(flags, cgroup)
    except KernelRefused as refused:
        raise _explain(sync.Story(fault=refused), cgroup) from None


def _held(pid: int) -> Launched:
    """Return our own child with a handle; end it where there is none: nobody could mind it."""
    try:
        return Launched(pid, process.pidfd_open(pid))
    except KernelRefused:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise


def _judge(story: sync.Story, launched: Launched, cgroup: Cgroup | None) -> Launched:
    """Return the process if it has executed; else end it and raise why it has not."""
    if story.ready and story.fault is None:
        return launched
    end(launched)
    raise _explain(story, cgroup)


def _explain(story: sync.Story, cgroup: Cgroup | None) -> RuntimeFault:
    fault = story.fault
    if fault is None and cgroup is not None and cgroup.oom_kills():
        return InvalidSpec("limits.memory_bytes", "is too small for the process to start")
    if fault is None:
        return KernelRefused("execve", errno.ESRCH, "the process died while it was set up")
    if is_crowded(fault):
        return Exhausted("the container has as many processes as its limits.pids allows")
    return fault
