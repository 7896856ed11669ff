"""Messages and faults survive the way, and what has no place is told with both names."""

from __future__ import annotations

import os
import socket

import pytest

from runtime.errors import (
    Conflict,
    Interrupted,
    InvalidSpec,
    KernelRefused,
    NotFound,
    RuntimeFault,
    Unavailable,
)
from runtime.shim import protocol, sockets
from runtime.shim.protocol import Execute, Hello, Prepared, Start, Stop


@pytest.mark.parametrize(
    "message",
    [Hello(), Start(container="c"), Stop(container="c", operation=None, grace_seconds=0.5)],
)
def test_a_message_survives(message: protocol.Message) -> None:
    assert protocol.decode(protocol.encode(message)) == message


def test_fields_of_a_newer_sender_are_skipped() -> None:
    plain = {**protocol.to_plain(Start(container="c")), "colour": "blue"}

    assert protocol.from_plain(plain) == Start(container="c")


@pytest.mark.parametrize("packet", [b"", b"[]", b"{}", b'{"type":"Nonsense"}', b'{"type":"Start"}'])
def test_what_is_no_message_is_refused(packet: bytes) -> None:
    with pytest.raises(Unavailable):
        protocol.decode(packet)


@pytest.mark.parametrize(
    "fault",
    [
        InvalidSpec("command", "is odd"),
        NotFound("container", "c"),
        KernelRefused("mount", 13, "/proc"),
        Conflict("no"),
        Interrupted("cut"),
    ],
)
def test_a_fault_arrives_as_it_was_raised(fault: RuntimeFault) -> None:
    sent = protocol.decode(protocol.encode(protocol.fault_of(fault)))
    assert isinstance(sent, protocol.Fault)
    arrived = protocol.error_of(sent)

    assert type(arrived) is type(fault)
    assert str(arrived) == str(fault)
    assert arrived.details() == fault.details()


def test_the_unexpected_is_told_with_both_names() -> None:
    assert "expected Done, received Hello" in str(protocol.unexpected("Done", Hello()))
    assert "end of stream" in str(protocol.unexpected("Done", None))


def test_descriptors_come_along() -> None:
    here, there = sockets.pair()
    reading, writing = os.pipe()
    with here, there:
        sockets.send(here, Prepared(container="c", run=1, names=("a", "b")), [reading, writing])
        received = sockets.receive(there)
        assert received is not None
        message, fds = received
        os.write(fds[1], b"x")

        assert message == Prepared(container="c", run=1, names=["a", "b"])  # type: ignore[arg-type]
        assert os.read(reading, 1) == b"x"
        assert not os.get_inheritable(fds[0])
        for fd in (*fds, reading, writing):
            os.close(fd)


def test_a_message_larger_than_a_packet_arrives() -> None:
    here, there = sockets.pair()
    big = Execute(container="c", operation="o", spec={"command": ["x" * 3_000_000]})
    with here, there:
        sockets.send(here, big)
        received = sockets.receive(there)

    assert received is not None
    assert received[0] == big


def test_a_run_root_longer_than_an_address_works(tmp_path: object) -> None:
    directory = f"{tmp_path}/{'d' * 120}"
    os.makedirs(directory)
    with sockets.listen(directory, "s"), sockets.connect(directory, "s", 1.0) as connection:
        assert connection.family == socket.AF_UNIX
