"""aiohttp under httpx: errors of the line that tell no address."""

from __future__ import annotations

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport


class Line(AiohttpTransport):
    """aiohttp under httpx, whose errors name only the class of aiohttp's: those hold the whole address, which
    may be signed, in their texts, and some of them are none of httpx's.
    """

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises httpx.TransportError, without a cause, for all that goes wrong on the line."""
        try:
            return await super().handle_async_request(request)
        except httpx.TransportError as error:
            kind, name = type(error), type(error.__cause__ or error).__name__
        except aiohttp.ClientError as error:
            kind, name = httpx.RemoteProtocolError, type(error).__name__
        raise kind(name, request=request)
