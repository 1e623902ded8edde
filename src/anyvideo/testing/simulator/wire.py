"""The few things about HTTP that every simulated vendor needs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

HangUp = Callable[[Scope, bool], None]
"""Closes the connection of a request; with True it first sends what is already buffered."""

_JSON_ERROR: Final = "the body is not a JSON object"


class BadBody(ValueError):
    """The request's body cannot be read as what it should be."""


def bearer(request: Request) -> bool:
    """True for `Authorization: Bearer` with any key that does not contain the word invalid."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and bool(key.strip()) and "invalid" not in key.lower()


def origin(request: Request) -> str:
    """Scheme and host by which the client reached this server."""
    return f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"


async def json_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object. Raises BadBody."""
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise BadBody(_JSON_ERROR) from error
    if not isinstance(body, dict):
        raise BadBody(_JSON_ERROR)
    return body


class CutJSON(JSONResponse):
    """A JSON answer that stops in the middle, with headers that fit what was sent."""

    def render(self, content: Any) -> bytes:
        whole = super().render(content)
        return whole[: max(1, len(whole) // 2)]


class Dropped(Response):
    """No answer at all: the TCP connection closes without one byte.

    Raises ConnectionResetError where there is no connection to drop, as under an in-process client.
    """

    def __init__(self, hang_up: HangUp | None) -> None:
        super().__init__()
        self._hang_up = hang_up

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        if self._hang_up is None:
            raise ConnectionResetError("the simulator dropped the connection")
        self._hang_up(scope, False)
        while (await receive())["type"] != "http.disconnect":
            pass


class ShortBody(Response):
    """Half a file under the Content-Length of the whole one, then the connection closes."""

    def __init__(self, whole: bytes, hang_up: HangUp | None) -> None:
        super().__init__(media_type="video/mp4")
        self._whole = whole
        self._hang_up = hang_up

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"video/mp4"), (b"content-length", str(len(self._whole)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        half = self._whole[: len(self._whole) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        if self._hang_up is None:
            raise ConnectionResetError("the simulator dropped the connection")
        self._hang_up(scope, True)
        while (await receive())["type"] != "http.disconnect":
            pass
