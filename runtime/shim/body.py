"""What a container has in the kernel while its shim lives: namespaces and cgroup, over restarts."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from runtime.cgroups import cgroup as cgroups
from runtime.cgroups.change import change, restore
from runtime.errors import Conflict, InvalidSpec, KernelRefused
from runtime.isolation import launch, namespaces, node, peers, sharing
from runtime.isolation.launch import Joining, Launched
from runtime.isolation.namespaces import Space
from runtime.isolation.plan import JoinSpec
from runtime.isolation.terminal import Terminal
from runtime.oci.bundle import Bundle, Resources
from runtime.shim.link import Link
from runtime.shim.run import Run
from runtime.shim.segments import SegmentWriter
from runtime.shim.stdio import Output, make_pipes

TERM = "xterm-256color"
"""What a terminal is called where neither the image nor the request says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What a zygote kept of a dead shim: descriptors by name, and what it knows of the init."""

    run: int = 0
    fds: Mapping[str, int] = field(default_factory=dict)
    pid: int | None = None
    status: int | None = None


class Body:
    """Namespaces and cgroup of one container, and what is done with them."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = self._fitted = bundle
        self._space: Space | None = None
        self._cgroup: cgroups.Cgroup | None = None

    def offer(self, space: Space | None) -> None:
        """Take namespaces that were made ahead, if they are the kinds and have the ids needed."""
        if space is None:
            return
        kinds = sharing.own(self._bundle.host_namespaces) & sharing.INNER
        fits = (space.id_base, space.kinds) == (self._bundle.id_base, kinds)
        if self._space is None and fits:
            self._space = space
        else:
            space.close()

    def launch(self, number: int, writer: SegmentWriter, link: Link) -> Run:
        """Start the container's command as run `number`; leave nothing running if refused.

        The zygote gets copies of each descriptor before anything depends on it.
        """
        fitted = node.fit(self._bundle)
        self._fitted = fitted.bundle
        if self._bundle.peer:
            self._drop_space()  # the other container may have been restarted
        space, cgroup = self._ready()
        reading, writing = make_pipes()
        for notice in fitted.notices:
            os.write(writing["stderr"], f"moorage: {notice}\n".encode())
        nothing = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        try:
            held = {**reading, "user": space.user, "net": space.net}
            link.prepared(number, held, space.id_base)
            stdio = (nothing, writing["stdout"], writing["stderr"])
            launched = launch.launch(self._fitted, space=space, cgroup=cgroup, stdio=stdio)
        except BaseException:
            for fd in reading.values():
                os.close(fd)
            raise
        finally:
            for fd in (nothing, *writing.values()):
                os.close(fd)
        link.launched(number, launched.pid, launched.pidfd)
        output = Output(writer, reading)
        return Run(number, pid=launched.pid, pidfd=launched.pidfd, output=output, ours=True)

    def join(
        self,
        run: Run,
        spec: Mapping[str, Any],
        stdio: tuple[int, int, int],
        *,
        terminal: Terminal | None = None,
    ) -> Launched:
        """Start a further process in the container; `spec` has what ExecSpec.to_json() returns."""
        _, cgroup = self._ready()
        joiner = self._joiner(spec, terminal)
        return launch.join(run.pidfd, joiner, stdio=stdio, cgroup=cgroup, terminal=terminal)

    def begin_join(self, run: Run, spec: Mapping[str, Any], stdio: tuple[int, int, int]) -> Joining:
        """Begin what `join` does, without a terminal, and do not wait for it."""
        _, cgroup = self._ready()
        return launch.begin_join(run.pidfd, self._joiner(spec), stdio=stdio, cgroup=cgroup)

    def _joiner(self, spec: Mapping[str, Any], terminal: Terminal | None = None) -> JoinSpec:
        base = {} if terminal is None else {"TERM": TERM}
        env = {**base, **dict(self._bundle.env), **spec["env"]}
        return JoinSpec.inside(
            self._fitted,
            args=tuple(spec["command"]),
            env=tuple(env.items()),
            cwd=spec["working_dir"] or self._bundle.cwd,
            user=self._bundle.user if spec["user"] is None else spec["user"],
        )

    def take(self, handed: Handed) -> None:
        """Go on with the namespaces and the cgroup of a dead shim."""
        user, net = handed.fds.get("user"), handed.fds.get("net")
        if user is not None and net is not None:
            kinds = sharing.own(self._bundle.host_namespaces)
            self._space = Space(self._bundle.id_base, user, net, kinds=kinds)
        left = cgroups.open_existing(self._bundle.cgroup)
        self._cgroup = left if left.groups else None
        with suppress(InvalidSpec):  # a device that is gone by now: what runs has it or not
            self._fitted = node.fit(self._bundle).bundle

    def limit(self, resources: Resources) -> None:
        """Give the container other limits, now and for later runs; see `runtime.cgroups.change`.

        Raises what `change` does; then all is as it was.
        """
        if self._cgroup is not None:
            change(self._cgroup, self._bundle.resources, resources)
        self._bundle = replace(self._bundle, resources=resources)

    def limit_again(self, resources: Resources) -> None:
        """Bring the kernel to `resources`, whatever it holds, as far as it lets."""
        self._bundle = replace(self._bundle, resources=resources)
        if self._cgroup is not None:
            restore(self._cgroup, resources)

    def freeze(self) -> None:
        """Let the container's processes stand still. Raises Unavailable, KernelRefused."""
        if self._cgroup is not None:
            self._cgroup.freeze()

    def thaw(self) -> None:
        """Let them go on. Raises KernelRefused."""
        if self._cgroup is not None:
            self._cgroup.thaw()

    def held(self) -> dict[str, int]:
        """Return the descriptors of which the zygote must have copies."""
        return {"user": self._space.user, "net": self._space.net} if self._space else {}

    def sweep(self) -> bool:
        """End whatever is left of a run; say whether the kernel killed for lack of memory."""
        if self._cgroup is None:
            return False
        self._cgroup.kill()
        return self._cgroup.oom_kills() > 0

    def drop_cgroup(self) -> None:
        """Remove a run's cgroup: once it was killed, some kernels kill all that is put into it.

        One that stays busy (something in it hangs in the kernel, or was put there by somebody else)
        is left to the next start or to recovery: the run has ended all the same.
        """
        cgroup, self._cgroup = self._cgroup, None
        if cgroup is None:
            return
        cgroup.kill()
        try:
            cgroup.remove()
        except KernelRefused as refused:
            if refused.errno != errno.EBUSY:
                raise

    def close(self) -> None:
        """Give everything back to the kernel."""
        self.drop_cgroup()
        self._drop_space()

    def _ready(self) -> tuple[Space, cgroups.Cgroup]:
        if self._cgroup is None:
            self._cgroup = self._make_cgroup()
        if self._space is None:
            self._space = self._make_space()
        return self._space, self._cgroup

    def _make_space(self) -> Space:
        if self._bundle.peer:
            space = peers.space_beside(self._bundle)
            self._fitted = replace(self._fitted, id_base=space.id_base)
            return space
        kinds = sharing.own(self._bundle.host_namespaces)
        return namespaces.make_space(self._bundle.id_base, kinds=kinds)

    def _drop_space(self) -> None:
        if self._space is not None:
            self._space.close()
            self._space = None

    def _make_cgroup(self) -> cgroups.Cgroup:
        try:
            return cgroups.create(self._fitted.cgroup, self._fitted.resources)
        except Conflict:  # left by a shim that died before its container was launched
            left = cgroups.open_existing(self._bundle.cgroup)
            left.kill()
            left.remove()
            return cgroups.create(self._fitted.cgroup, self._fitted.resources)
