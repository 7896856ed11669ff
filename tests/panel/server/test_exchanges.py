"""What a client sees of the real server process."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Protocol

import pytest
from websockets.sync.client import connect as connect_websocket

MIB = 1024 * 1024
ALLOWED_GROWTH = 5 * MIB
UPLOAD = "POST /api/v1/images/load HTTP/1.1\nHost: x"


class Served(Protocol):
    port: int
    log: Path
    process: subprocess.Popen[bytes]

    def connect(self) -> socket.socket: ...
    def request(self, head: str, body: bytes = b"") -> tuple[int, bytes]: ...
    def counts(self) -> dict[str, int]: ...
    def rss(self) -> int: ...


def settled(served: Served, name: str) -> int:
    """Return the count `name` once it does not move any more."""
    last = -1
    for _ in range(40):
        now = served.counts()[name]
        if now == last:
            return now
        last = now
        time.sleep(0.3)
    raise AssertionError(f"{name} goes on: {last}")


def test_a_reader_that_never_reads_costs_less_than_5_mib(served: Served) -> None:
    before = served.rss()

    with served.connect() as client:
        client.sendall(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
        sent = settled(served, "sent")

        assert 0 < sent < 16 * MIB  # what the kernel's own buffers take
        assert served.rss() - before < ALLOWED_GROWTH


def test_a_reader_over_tls_that_never_reads_costs_less_than_5_mib(tls_served: Served) -> None:
    tls_served.counts()  # the first handshake loads what TLS needs
    before = tls_served.rss()

    with tls_served.connect() as client:
        client.sendall(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
        settled(tls_served, "sent")

        assert tls_served.rss() - before < ALLOWED_GROWTH


def test_a_websocket_that_never_reads_costs_less_than_5_mib(served: Served) -> None:
    before = served.rss()

    with served.connect() as client:
        client.sendall(websocket_handshake("/flood"))
        sent = settled(served, "sent")

        assert 0 < sent < 16 * MIB
        assert served.rss() - before < ALLOWED_GROWTH


def test_a_slow_reader_gets_everything_in_the_end(served: Served) -> None:
    with connect_websocket(f"ws://127.0.0.1:{served.port}/flood", max_size=None) as client:
        time.sleep(1)
        received = sum(len(client.recv()) for _ in range(2000))

    assert received == 2000 * 16_384


def test_a_follower_that_leaves_is_noticed(served: Served) -> None:
    with served.connect() as client:
        client.sendall(b"GET /idle HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(1024).startswith(b"HTTP/1.1 200")

    time.sleep(0.5)
    assert served.counts()["disconnected"] == 1


def test_an_upload_reaches_the_application_while_it_comes(served: Served) -> None:
    with served.connect() as client:
        head = f"{UPLOAD}\nContent-Length: 3000000".replace("\n", "\r\n").encode()
        client.sendall(head + b"\r\n\r\n" + b"x" * 1_000_000)

        assert settled(served, "received") == 1_000_000

        client.sendall(b"x" * 2_000_000)
        answer = client.recv(65_536)

    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"total": 3000000' in answer


def test_a_chunked_upload_arrives_whole_and_the_connection_goes_on(served: Served) -> None:
    chunk = b"186a0\r\n" + b"y" * 100_000 + b"\r\n"
    head = f"{UPLOAD}\nTransfer-Encoding: chunked\n\n".replace("\n", "\r\n").encode()

    with served.connect() as client:
        client.sendall(head + chunk * 20 + b"0\r\n\r\n")
        first = client.recv(65_536)
        client.sendall(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n")
        second = client.recv(65_536)

    assert b'"total": 2000000' in first
    assert second.startswith(b"HTTP/1.1 200")


def test_an_application_that_does_not_read_stops_the_sender(served: Served) -> None:
    before = served.rss()
    head = f"POST /api/v1/images/load?sleepy HTTP/1.1\nHost: x\nContent-Length: {100 * MIB}\n\n"

    with served.connect() as client:
        client.sendall(head.replace("\n", "\r\n").encode())
        client.settimeout(2)
        with pytest.raises(TimeoutError):
            client.sendall(b"z" * (100 * MIB))

        assert served.rss() - before < ALLOWED_GROWTH


def test_an_upload_that_breaks_off_is_told_to_the_application(served: Served) -> None:
    with served.connect() as client:
        head = f"{UPLOAD}\nContent-Length: 3000000\n\n".replace("\n", "\r\n").encode()
        client.sendall(head + b"x" * 1000)
        assert settled(served, "received") == 1000

    time.sleep(0.5)
    assert served.counts()["disconnected"] == 1


def test_a_client_that_is_refused_while_it_sends_reads_why(served: Served) -> None:
    head = f"POST /api/v1/images/load?refuse HTTP/1.1\nHost: x\nContent-Length: {8 * MIB}\n\n"

    with served.connect() as client:
        client.sendall(head.replace("\n", "\r\n").encode())
        for _ in range(64):
            client.sendall(b"z" * 65_536)
        answer = client.recv(65_536)

    assert answer.startswith(b"HTTP/1.1 403")
    assert b"refused" in answer


def test_an_ordinary_body_is_bounded_by_its_announced_length(served: Served) -> None:
    status, body = served.request("POST /echo HTTP/1.1\nHost: x\nContent-Length: 9999999", b"x")

    assert status == 413
    assert json.loads(body)["code"] == "too_large"


def test_an_ordinary_body_is_bounded_when_no_length_is_announced(served: Served) -> None:
    chunk = b"100000\r\n" + b"y" * MIB + b"\r\n"

    status, body = served.request(
        "POST /echo HTTP/1.1\nHost: x\nTransfer-Encoding: chunked", chunk * 5
    )

    assert status == 413
    assert json.loads(body)["status"] == 413


def test_an_ordinary_body_below_the_bound_arrives(served: Served) -> None:
    status, body = served.request(
        f"POST /echo HTTP/1.1\nHost: x\nContent-Length: {3 * MIB}", b"x" * (3 * MIB)
    )

    assert (status, json.loads(body)) == (200, {"total": 3 * MIB})


@pytest.mark.parametrize(
    "head",
    [
        "POST /echo HTTP/1.1\nHost: x\nContent-Length: 3\nContent-Length: 4",
        "POST /echo HTTP/1.1\nHost: x\nContent-Length: 3\nTransfer-Encoding: chunked",
        "POST /echo HTTP/1.1\nHost: x\nContent-Length: +3",
        "POST /echo HTTP/1.1\nHost: x\nTransfer-Encoding: gzip, chunked",
        "GET /echo HTTP/1.1\nHost: x" + "\nX-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" * 800,
    ],
)
def test_a_request_that_can_be_read_in_two_ways_is_refused(served: Served, head: str) -> None:
    status, _ = served.request(head, b"abc")

    assert status == 400


def test_a_flood_of_messages_to_a_busy_application_is_not_collected(served: Served) -> None:
    before = served.rss()
    message = b"\x82\xfe" + (16_384).to_bytes(2, "big") + bytes(4) + b"m" * 16_384

    with served.connect() as client:
        client.sendall(websocket_handshake("/sleepy"))
        assert client.recv(1024).startswith(b"HTTP/1.1 101")
        client.settimeout(2)
        with pytest.raises(TimeoutError):
            client.sendall(message * 4000)

        assert served.rss() - before < ALLOWED_GROWTH


def websocket_handshake(path: str) -> bytes:
    head = (
        f"GET {path} HTTP/1.1\nHost: x\nUpgrade: websocket\nConnection: Upgrade\n"
        "Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n\n"
    )
    return head.replace("\n", "\r\n").encode()


def test_the_access_log_has_no_secret(served: Served) -> None:
    secret = "s3cr3t" * 10

    served.request(f"GET /sign-in/{secret}?token={secret} HTTP/1.1\nHost: x\nConnection: close")

    log = served.log.read_text()
    assert "GET /sign-in/s3cr3ts3... 404" in log
    assert secret not in log


def test_sigterm_ends_the_server_with_open_connections(served: Served) -> None:
    with served.connect() as client:
        client.sendall(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
        client.recv(1024)
        served.process.send_signal(signal.SIGTERM)

        assert served.process.wait(10) == 0


def test_a_port_in_use_is_a_failure(served: Served) -> None:
    program = Path(__file__).with_name("served.py")
    second = subprocess.run(
        [sys.executable, str(program), str(served.port)],
        env={"PYTHONPATH": str(program.parents[3]), "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert second.returncode == 1
    assert "Listen failure" in second.stderr
