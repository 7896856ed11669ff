"""The ASGI application: pages and REST over HTTP, live data over WebSockets."""

from __future__ import annotations

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panel.settings")
http = get_asgi_application()

from panel.live.routes import websocket_urlpatterns  # noqa: E402  # needs the app registry

application = ProtocolTypeRouter({"http": http, "websocket": URLRouter(websocket_urlpatterns)})
