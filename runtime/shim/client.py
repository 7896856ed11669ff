"""What the engine says to the zygote and the shims; it is the only one that starts a zygote."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time

import runtime
from runtime.config import EngineConfig
from runtime.errors import Conflict, Unavailable
from runtime.shim import protocol, sockets
from runtime.shim.protocol import (
    Attach,
    Done,
    Fault,
    Hello,
    Leave,
    Message,
    Ready,
    Repair,
    Start,
)
from runtime.state import locks

ANSWER_SECONDS = 60.0
_HELLO_SECONDS = 10.0
_AGAIN_SECONDS = 0.005
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); from runtime.shim.daemon import main; "
    "main(sys.argv[2], sys.argv[3])"
)


class ZygoteClient:
    """Asks the instance's zygote, and starts one where none lives. Safe for many threads."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config

    def ensure(self) -> None:
        """See to it that a zygote serves. Raises Unavailable, Conflict (an older or newer one)."""
        if self._greets():
            return
        with locks.hold(f"{self._config.run}/zygote.start"):
            if not self._greets():
                _spawn(self._config)
                if not self._greets():
                    raise Unavailable("the zygote was started and does not answer")

    def start(self, container: str) -> int | None:
        """Have the container started; return the record's version, None if it ran already."""
        return self._ask(Start(container=container)).version

    def repair(self, container: str) -> None:
        """Have a shim mind a container that its record calls running."""
        self._ask(Repair(container=container))

    def leave(self) -> None:
        """Send the zygote away. Containers and shims go on."""
        with contextlib.suppress(OSError, Unavailable):
            self._say(Leave())

    def _greets(self) -> bool:
        try:
            answer = self._say(Hello(), timeout_seconds=_HELLO_SECONDS)
        except OSError:
            return False
        if not isinstance(answer, Ready):
            raise protocol.unexpected("Ready", answer)
        if answer.version != protocol.VERSION:
            raise Conflict(
                f"the zygote speaks protocol {answer.version}, this Moorage {protocol.VERSION}"
            )
        return True

    def _ask(self, message: Start | Repair) -> Done:
        """Ask until somebody answers: a zygote or a shim may be just leaving."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            try:
                return _expect_done(self._say(message))
            except (FileNotFoundError, ConnectionError):
                self.ensure()
            except TimeoutError:
                raise Unavailable("the zygote does not answer") from None
            if time.monotonic() > deadline:
                raise Unavailable("the zygote hangs up on every request")
            time.sleep(_AGAIN_SECONDS)

    def _say(self, message: Message, *, timeout_seconds: float = ANSWER_SECONDS) -> Message:
        name = os.path.basename(self._config.zygote_socket)
        with sockets.connect(self._config.run, name, timeout_seconds) as connection:
            return _exchange(connection, message)


def ask_shim(config: EngineConfig, container: str, message: Message) -> int | None:
    """Have the container's shim carry out an order; return the record's version if it changed.

    Raises ConnectionError where no shim lives, or it hung up before it answered; Unavailable
    where it does not answer; what it refused with.
    """
    try:
        with _reach(config, container) as connection:
            return _expect_done(_exchange(connection, message)).version
    except (TimeoutError, BlockingIOError):  # it hangs, or its queue is full of such as we
        raise _mute(container) from None


def attach(config: EngineConfig, message: Attach) -> socket.socket:
    """Return a connection with a session, which speaks the packets of runtime.dialogue over it.

    It blocks. Raises as `ask_shim` does.
    """
    with contextlib.ExitStack() as undo:
        try:
            connection = undo.enter_context(_reach(config, message.container))
            _expect_done(_exchange(connection, message))
        except (TimeoutError, BlockingIOError):
            raise _mute(message.container) from None
        connection.settimeout(None)
        undo.pop_all()
        return connection


def shim_lives(config: EngineConfig, container: str) -> bool:
    """Say whether somebody listens at the container's socket."""
    try:
        sockets.connect(config.container_run(container), "s", 1.0).close()
    except (TimeoutError, BlockingIOError):
        return True
    except OSError:
        return False
    return True


def _reach(config: EngineConfig, container: str) -> socket.socket:
    try:
        return sockets.connect(config.container_run(container), "s", ANSWER_SECONDS)
    except FileNotFoundError:
        raise ConnectionRefusedError(f"container {container} has no shim") from None


def _mute(container: str) -> Unavailable:
    return Unavailable(f"the shim of container {container} does not answer")


def _exchange(connection: socket.socket, message: Message) -> Message:
    sockets.send(connection, message)
    received = sockets.receive(connection)
    if received is None:
        raise ConnectionResetError("hung up before it answered")
    return received[0]


def _expect_done(answer: Message) -> Done:
    if isinstance(answer, Fault):
        raise protocol.error_of(answer)
    if not isinstance(answer, Done):
        raise protocol.unexpected("Done or Fault", answer)
    return answer


def _spawn(config: EngineConfig) -> None:
    """Start a zygote; return when it listens. Raises Unavailable with its last words."""
    source = os.path.dirname(os.path.dirname(os.path.abspath(runtime.__file__ or "")))
    arguments = [source, config.data_root, config.run_root]
    with open(f"{config.run}/zygote.log", "ab", opener=_private) as log:
        starter = subprocess.Popen(
            [sys.executable, "-S", "-E", "-I", "-c", _BOOT, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd="/",
            env={},
            start_new_session=True,
        )
    try:
        said, _ = starter.communicate(timeout=ANSWER_SECONDS)
    except subprocess.TimeoutExpired:
        starter.kill()
        starter.communicate()
        raise Unavailable("the zygote did not come up in time") from None
    if said != b"ready\n":
        reason = said.decode("utf-8", "replace").strip() or f"see {config.run}/zygote.log"
        raise Unavailable(f"the zygote did not come up: {reason}")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
