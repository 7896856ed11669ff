"""The ASGI application: pages and REST over HTTP, live data over WebSockets."""

from __future__ import annotations

import os
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panel.settings")
http = get_asgi_application()

from panel.api.streaming import StreamedBodies  # noqa: E402  # needs the app registry
from panel.live.routes import websocket_urlpatterns  # noqa: E402  # needs the app registry


async def refuse(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001  # ASGI's signature
    """Refuse a socket at an address that there is not, in the way a foreign one is refused."""
    await receive()
    await send({"type": "websocket.close", "code": 1000})


application = ProtocolTypeRouter(
    {
        "http": StreamedBodies(http),
        "websocket": URLRouter([*websocket_urlpatterns, re_path("", refuse)]),  # type: ignore[arg-type]  # an ASGI application
    }
)
