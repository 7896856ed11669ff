"""Static files out of the checkout, without a collect step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asgiref.sync import markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware

Get = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc]  # whitenoise has no types
    """WhiteNoise for ASGI: no thread for what is no file, and answers that are whole.

    ASGI would buffer WhiteNoise's file iterator with a warning.
    """

    sync_capable = False
    async_capable = True

    def __init__(self, get_response: Get) -> None:
        super().__init__(get_response)
        markcoroutinefunction(self)

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer `request` with a file, or with what the rest of the panel says."""
        found = self._find(request.path_info)
        if found is not None:
            return self.serve(found, request)
        answer: HttpResponseBase = await self.get_response(request)
        return answer

    def _find(self, path: str) -> object | None:
        found: object | None = self.find_file(path) if self.autorefresh else self.files.get(path)
        return found

    @staticmethod
    def serve(static_file: object, request: HttpRequest) -> HttpResponse:
        """Answer `request` with `static_file`, conditional and range requests included."""
        response = WhiteNoiseMiddleware.serve(static_file, request)
        whole = HttpResponse(b"".join(response.streaming_content), status=response.status_code)
        response.close()
        for name, value in response.items():
            whole[name] = value
        return whole
