"""Static files out of the checkout, without a collect step."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc]  # whitenoise has no types
    """WhiteNoise whose answers are whole: ASGI would buffer its file iterator with a warning."""

    @staticmethod
    def serve(static_file: object, request: HttpRequest) -> HttpResponse:
        """Answer `request` with `static_file`, conditional and range requests included."""
        response = WhiteNoiseMiddleware.serve(static_file, request)
        whole = HttpResponse(b"".join(response.streaming_content), status=response.status_code)
        response.close()
        for name, value in response.items():
            whole[name] = value
        return whole
