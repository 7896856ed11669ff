"""What the server decides without a socket."""

from __future__ import annotations

import pytest

from panel.server.access import line, safe_path
from panel.server.endpoints import Endpoint
from panel.server.limits import streams_its_body


@pytest.mark.parametrize(
    ("endpoint", "spelled"),
    [
        (Endpoint(host="127.0.0.1", port=80), "tcp:port=80:interface=127.0.0.1"),
        (Endpoint(host="::1", port=80), "tcp:port=80:interface=\\:\\:1"),
        (
            Endpoint(host="0.0.0.0", port=443, certificate="/c=1.pem", key="/k:2.pem"),
            "ssl:port=443:interface=0.0.0.0:privateKey=/k\\:2.pem:certKey=/c\\=1.pem",
        ),
    ],
)
def test_an_endpoint_is_spelled_as_twisted_wants_it(endpoint: Endpoint, spelled: str) -> None:
    assert str(endpoint) == spelled


@pytest.mark.parametrize(
    ("method", "uri", "streamed"),
    [
        (b"POST", b"/api/v1/images/load", True),
        (b"POST", b"/api/v1/images/load?wait=3", True),
        (b"GET", b"/api/v1/images/load", False),
        (b"POST", b"/api/v1/images/loader", False),
        (b"POST", b"/api/v1/containers", False),
        (b"POST", b"/x?/api/v1/images/load", False),
    ],
)
def test_only_the_upload_route_takes_its_body_as_a_stream(
    method: bytes, uri: bytes, streamed: bool
) -> None:
    assert streams_its_body(method, uri) is streamed


def test_a_long_segment_is_cut_and_a_query_dropped() -> None:
    assert safe_path(f"/sign-in/{'k' * 43}/?token=abc") == "/sign-in/kkkkkkkk.../"


def test_a_client_cannot_forge_a_line() -> None:
    forged = line("http", {"client": "1.2.3.4:5", "method": "GET\nroot", "path": "/a\x1b[2Jb"})

    assert forged == "1.2.3.4:5 GET?root /a?[2Jb"
