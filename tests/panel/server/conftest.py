"""A real server process for each test that asks for one."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
SERVED = Path(__file__).with_name("served.py")


@dataclass
class Served:
    """A running server: its process, its port, where its log goes."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    context: ssl.SSLContext | None = None

    def connect(self) -> socket.socket:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        if self.context is None:
            return plain
        return self.context.wrap_socket(plain, server_hostname="localhost")

    def request(self, head: str, body: bytes = b"") -> tuple[int, bytes]:
        with self.connect() as client:
            client.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
            return read_answer(client)

    def counts(self) -> dict[str, int]:
        status, body = self.request("GET /counts HTTP/1.1\nHost: x\nConnection: close")
        assert status == 200
        plain: dict[str, Any] = json.loads(body)
        return plain

    def rss(self) -> int:
        """Return the resident set in bytes (proc(5), statm)."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


def read_answer(client: socket.socket) -> tuple[int, bytes]:
    data = b""
    with suppress(ConnectionResetError):
        while b"\r\n\r\n" not in data:
            piece = client.recv(65_536)
            if not piece:
                break
            data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    while len(body) < int(fields.get("content-length", "0")):
        body += client.recv(65_536)
    return int(lines[0].split()[1]), body


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def serve(directory: Path, *tls: str) -> Served:
    port = free_port()
    log = directory / "log"
    # Twisted's TLS calls what pyOpenSSL deprecates, so warnings are errors without TLS only.
    strict = [] if tls else ["-W", "error"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *strict, str(SERVED), str(port), *tls],
            stdout=output,
            stderr=output,
            cwd=CHECKOUT,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        )
    served = Served(process, port, log)
    for _ in range(300):
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return served
        if process.poll() is not None:
            break
        time.sleep(0.05)
    process.kill()
    process.wait()
    raise AssertionError(log.read_text())


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    server = serve(tmp_path)
    yield server
    server.process.terminate()
    server.process.wait(15)


@pytest.fixture
def tls_served(tmp_path: Path) -> Iterator[Served]:
    certificate, key = str(tmp_path / "certificate.pem"), str(tmp_path / "key.pem")
    self_signed = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    subprocess.run(
        ["openssl", *self_signed, "-keyout", key, "-out", certificate, "-days", "1"],
        check=True,
        capture_output=True,
    )
    server = serve(tmp_path, certificate, key)
    server.context = ssl.create_default_context(cafile=certificate)
    server.context.check_hostname = False
    yield server
    server.process.terminate()
    server.process.wait(15)
