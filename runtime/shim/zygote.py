"""The zygote: a small process, once per instance, from which all shims are forked.

It keeps a spare shim, for a start that should wait for neither a fork nor namespaces. It keeps
copies of each shim's descriptors, so that a dead shim gets a successor; it is the sub-reaper of
what shims leave behind, so that no exit code is lost. It knows nothing else, keeps nothing on
disk, and another one can take its place at any time. Single-threaded.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import time
import traceback
from collections.abc import Callable

from runtime.config import EngineConfig
from runtime.errors import KernelRefused, Unavailable
from runtime.kernel import process
from runtime.shim import birth, protocol, sockets
from runtime.shim.body import Handed
from runtime.shim.door import Door
from runtime.shim.loop import Loop, Timer
from runtime.shim.protocol import (
    Adopt,
    Client,
    Done,
    Hello,
    Launched,
    Leave,
    Leaving,
    Message,
    Prepared,
    Ready,
    Reaped,
    Repair,
    Start,
)

_HEALTHY_SECONDS = 10.0
_LONGEST_PAUSE = 10.0
_SPARE = ""
"""Stands where a ward has its container: a shim that waits for one."""
_SPARE_PAUSE = 0.02
"""A spare is forked when starts have paused for so long."""
Task = Callable[[socket.socket], None]
"""What a fork does with its link, until it exits."""


class Ward:
    """A shim as the zygote knows it: its process, link, and copies of its descriptors."""

    def __init__(self, container: str, pid: int, pidfd: int, link: socket.socket) -> None:
        self.container = container
        self.pid = pid
        self.pidfd = pidfd
        self.link = link
        self.born = time.monotonic()
        self.failures = 0
        self.kept: dict[str, int] = {}
        self.run = 0
        self.init: int | None = None
        self.status: int | None = None

    def keep(self, run: int, fds: dict[str, int]) -> None:
        """Replace the copies: another run is about to begin."""
        self.drop()
        self.kept, self.run, self.init, self.status = fds, run, None, None

    def drop(self) -> None:
        """Close all copies."""
        for fd in self.kept.values():
            os.close(fd)
        self.kept = {}

    def handed(self) -> Handed:
        """Return what a successor gets."""
        return Handed(run=self.run, fds=self.kept, pid=self.init, status=self.status)


class Zygote:
    """Serves until told to leave."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._loop = Loop()
        self._wards: dict[str, Ward] = {}
        self._clients: dict[int, socket.socket] = {}
        self._spare_timer: Timer | None = None
        self._id_base: int | None = None
        listener = sockets.listen(config.run, os.path.basename(config.zygote_socket))
        self._door = Door(self._loop, listener, self._welcome)
        self._watch_children()

    def serve(self) -> None:
        """Adopt the shims of an earlier zygote, then answer."""
        self._adopt_all()
        self._loop.run()

    # Engines

    def _welcome(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._clients[connection.fileno()] = connection
        self._loop.watch(connection.fileno(), lambda: self._hear_client(connection))

    def _hear_client(self, connection: socket.socket) -> None:
        received = sockets.hear(connection)
        if received is None:
            self._forget_client(connection)
            return
        message, fds = received
        for fd in fds:
            os.close(fd)
        self._answer(connection, message)

    def _answer(self, connection: socket.socket, message: Message) -> None:
        match message:
            case Hello():
                sockets.tell(connection, Ready(version=protocol.VERSION, pid=os.getpid()))
            case Start():
                self._start(connection, message)
            case Repair():
                if message.container not in self._wards:
                    self._fork(
                        message.container,
                        lambda link: birth.take_over(
                            self._config, message.container, link, Handed()
                        ),
                        (),
                    )
                sockets.tell(connection, Done(container=message.container))
            case Leave():
                sockets.tell(connection, Done(container=""))
                self._loop.stop()
            case _:
                error = protocol.unexpected("Hello, Start, Repair or Leave", message)
                sockets.tell(connection, protocol.fault_of(error))

    def _start(self, connection: socket.socket, message: Start) -> None:
        self._hear_all()
        ward = self._wards.get(message.container) or self._use_spare(message.container)
        if ward is None:
            self._fork(
                message.container,
                lambda link: birth.begin(self._config, message.container, link, connection),
                (connection.fileno(),),
            )
        else:
            client = Client(container=message.container, request=protocol.to_plain(message))
            sockets.tell(ward.link, client, [connection.fileno()])
        self._forget_client(connection)
        self._loop.cancel(self._spare_timer)
        self._spare_timer = self._loop.after(_SPARE_PAUSE, self._fork_spare)

    def _forget_client(self, connection: socket.socket) -> None:
        self._loop.forget(connection.fileno())
        del self._clients[connection.fileno()]
        connection.close()

    # Shims

    def _fork(self, container: str, task: Task, needed: tuple[int, ...]) -> Ward | None:
        try:
            ours, theirs = sockets.pair()
        except OSError:
            return None
        try:
            pid = os.fork()
        except OSError:
            ours.close()
            theirs.close()
            return None
        if pid == 0:
            self._become_shim(theirs, task, needed)
        theirs.close()
        return self._take_in(container, pid, ours)

    def _fork_spare(self) -> None:
        if _SPARE not in self._wards:
            ids = self._id_base
            self._fork(_SPARE, lambda link: birth.await_container(self._config, link, ids), ())

    def _use_spare(self, container: str) -> Ward | None:
        """Return the spare shim as the ward of `container`, None where there is none."""
        ward = self._wards.pop(_SPARE, None)
        if ward is not None:
            ward.container, ward.born = container, time.monotonic()
            self._wards[container] = ward
        return ward

    def _become_shim(self, link: socket.socket, task: Task, needed: tuple[int, ...]) -> None:
        """Never return: the zygote's objects stay alive in the frames above, and untouched."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            birth.close_all_but((0, 1, 2, link.fileno(), *needed))
            task(link)
            code = 0
        except BaseException:  # noqa: BLE001 - nothing may unwind into the zygote's frames
            traceback.print_exc()
        finally:
            os._exit(code)

    def _take_in(self, container: str, pid: int, link: socket.socket) -> Ward | None:
        try:
            pidfd = process.pidfd_open(pid)
        except KernelRefused:
            link.close()
            return None
        link.setblocking(False)
        ward = Ward(container, pid, pidfd, link)
        self._wards[container] = ward
        self._loop.watch(link.fileno(), lambda: self._hear(ward))
        self._loop.watch(pidfd, lambda: self._died(ward))
        return ward

    def _hear_all(self) -> None:
        for ward in list(self._wards.values()):
            self._hear(ward)

    def _hear(self, ward: Ward) -> None:
        """Take in all that a shim has said."""
        while ward.link.fileno() >= 0:
            try:
                received = sockets.receive(ward.link)
            except BlockingIOError:
                return
            except Unavailable:
                continue  # it cannot be read, the next one can
            except OSError:
                received = None
            if received is None:
                self._loop.forget(ward.link.fileno())  # its pidfd will tell that it died
                return
            self._note(ward, *received)

    def _note(self, ward: Ward, message: Message, fds: list[int]) -> None:
        match message:
            case Prepared() if len(fds) in (0, len(message.names)):
                ward.keep(message.run, dict(zip(message.names, fds, strict=False)))
                self._id_base = message.id_base or self._id_base
            case Launched() if len(fds) < 2:
                ward.kept.update(zip(("pidfd",), fds, strict=False))
                ward.init = message.pid
            case Leaving():
                self._part(ward)
            case _:
                for fd in fds:
                    os.close(fd)

    def _part(self, ward: Ward) -> None:
        """Forget a shim that needs no successor, or is about to get one."""
        for fd in (ward.link.fileno(), ward.pidfd):
            self._loop.forget(fd)
        ward.link.close()
        os.close(ward.pidfd)
        if self._wards.get(ward.container) is ward:
            del self._wards[ward.container]
        if ward.kept:
            ward.drop()

    def _died(self, ward: Ward) -> None:
        self._hear(ward)
        if self._wards.get(ward.container) is not ward:
            return
        self._reap()
        if ward.container == _SPARE:
            self._part(ward)
            return
        self._loop.forget(ward.pidfd)
        lived = time.monotonic() - ward.born
        ward.failures = 0 if lived > _HEALTHY_SECONDS else ward.failures + 1
        pause = 0.0 if ward.failures < 2 else min(0.1 * 2.0**ward.failures, _LONGEST_PAUSE)
        self._loop.after(pause, lambda: self._replace(ward))

    def _replace(self, ward: Ward) -> None:
        """Fork the successor of a dead shim."""
        self._reap()
        handed, failures = ward.handed(), ward.failures
        ward.kept = {}
        self._part(ward)
        successor = self._fork(
            ward.container,
            lambda link: birth.take_over(self._config, ward.container, link, handed),
            tuple(handed.fds.values()),
        )
        if successor is None:
            ward.kept = dict(handed.fds)
            ward.drop()
            return
        successor.failures = failures
        successor.keep(handed.run, dict(handed.fds))
        successor.init, successor.status = handed.pid, handed.status

    def _adopt_all(self) -> None:
        directory = os.path.dirname(self._config.container_run("x"))
        for container in os.listdir(directory):
            try:
                link = sockets.connect(f"{directory}/{container}", "s", 1.0)
            except OSError:
                continue  # dead as well: whoever recovers the instance asks for its repair
            credentials = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            if self._take_in(container, struct.unpack("3i", credentials)[0], link) is not None:
                sockets.tell(link, Adopt(container=container))

    # Children: shims, and what dead shims left

    def _watch_children(self) -> None:
        reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        self._loop.watch(reading, lambda: self._child_ended(reading))

    def _child_ended(self, pipe: int) -> None:
        os.read(pipe, 4096)
        self._reap()

    def _reap(self) -> None:
        """Take in exit codes; those of orphaned first processes go to their shims' successors."""
        self._hear_all()
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for ward in self._wards.values():
                if ward.init == pid:
                    ward.status = status
                    sockets.tell(
                        ward.link, Reaped(container=ward.container, pid=pid, status=status)
                    )
