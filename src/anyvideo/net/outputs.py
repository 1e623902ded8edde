"""The credential-less transport: results and pictures come through it, and no key ever goes."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from types import MappingProxyType

import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver

from anyvideo.net.sanitize import origin_of
from anyvideo.net.scopes import current_call
from anyvideo.net.ssrf import guard_url, is_loopback, judge_answers, refused
from anyvideo.net.transport import SAFE_METHODS, SLOWEST, Lines, Tls, recorded_exchange, set_timeouts
from anyvideo.net.wire import Scope, Timeouts
from anyvideo.types.errors import PluginError

_CREDENTIALS = ("authorization", "cookie", "proxy-authorization", "x-api-key")


class JudgingResolver(AbstractResolver):
    """Resolves a name once, judges all it resolved to, and gives the connection only that."""

    def __init__(
        self, *, own_loopback: tuple[str, int] | None, names: AbstractResolver | None = None
    ) -> None:
        self._own_loopback = own_loopback
        self._names = names

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises DownloadFailed where any address of the name is not public, OSError where there is none."""
        if self._names is None:
            self._names = DefaultResolver()
        answers = await self._names.resolve(host, port, family)
        if not answers:
            raise OSError("the name has no address")
        judge_answers(
            (answer["host"] for answer in answers), loopback_allowed=(host, port) == self._own_loopback
        )
        return answers

    async def close(self) -> None:
        """Close the resolver underneath."""
        if self._names is not None:
            await self._names.close()


class OutputTransport(httpx.AsyncBaseTransport):
    """Streams what it reads, follows no redirect, and refuses credentials and addresses that are not public.

    Reading needs no scope; writing (an upload to the storage that a vendor names) needs a free one and is
    recorded like any other call. The address of a request loses its query once it was sent, because httpx
    logs it and signed addresses are secrets.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeouts: Timeouts | None = None,
        tls: Tls | None = None,
        names: AbstractResolver | None = None,
    ) -> None:
        own = httpx.URL(origin_of(base_url))
        here = is_loopback(own.host)
        self._own_origin = str(own) if here else None
        self._timeouts = timeouts or Timeouts()
        loopback = (own.host, own.port or _default_port(own)) if here else None
        self._resolver = JudgingResolver(own_loopback=loopback, names=names)
        self._lines = Lines(tls or Tls(), resolver=self._resolver, https=not here)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises DownloadFailed for an address that is not fetched, PluginError for what may not leave."""
        if any(name in request.headers for name in _CREDENTIALS):
            raise PluginError("credentials were given to the client that must carry none")
        guard_url(str(request.url), own_origin=self._own_origin)
        request.headers["accept-encoding"] = "identity"
        set_timeouts(request, connect=self._timeouts.connect, silence=self._timeouts.outputs)
        if request.method in SAFE_METHODS:
            answer = await self._lines.pooled().handle_async_request(request)
            await _refuse_encoded(answer)
        else:
            answer = await self._write(request)
        answer.headers.pop("set-cookie", None)
        request.url = request.url.copy_with(query=None, fragment=None)
        return answer

    async def _write(self, request: httpx.Request) -> httpx.Response:
        record = current_call()
        if record is None or record.scope is not Scope.FREE:
            raise PluginError(f"a {request.method} to storage was sent outside a free call's scope")
        await request.aread()
        patience = self._timeouts.connect + self._timeouts.outputs + len(request.content) / SLOWEST
        line = self._lines.fresh()
        return await recorded_exchange(
            line, request, record, watched=record, patience=patience, json_expected=False
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._lines.aclose()
        await self._resolver.close()


class OwnOriginTransport(httpx.AsyncBaseTransport):
    """Reads from one origin that the user owns, with the user's key, and refuses every other.

    What a redirect names is another request, so the key cannot follow it elsewhere. Below the path `asks`,
    a POST is a question, too. An address loses its query once it was sent, as in OutputTransport.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] = MappingProxyType({}),
        timeouts: Timeouts | None = None,
        asks: str | None = None,
    ) -> None:
        self._origin = origin_of(base_url)
        self._headers = dict(headers)
        self._asks = asks
        self._timeouts = timeouts or Timeouts()
        self._lines = Lines(Tls(), resolver=None, https=self._origin.startswith("https:"))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises DownloadFailed for another origin, PluginError for what would write."""
        asks = self._asks is not None and request.method == "POST" and request.url.path.startswith(self._asks)
        if request.method not in SAFE_METHODS and not asks:
            raise PluginError(f"a {request.method} to the user's storage is not sent")
        if origin_of(str(request.url)) != self._origin:
            raise refused("it leads away from your own storage")
        request.headers.update({**self._headers, "accept-encoding": "identity"})
        set_timeouts(request, connect=self._timeouts.connect, silence=self._timeouts.outputs)
        answer = await self._lines.pooled().handle_async_request(request)
        await _refuse_encoded(answer)
        answer.headers.pop("set-cookie", None)
        request.url = request.url.copy_with(query=None, fragment=None)
        return answer

    async def aclose(self) -> None:
        """Close the connections."""
        await self._lines.aclose()


def _default_port(url: httpx.URL) -> int:
    return 443 if url.scheme == "https" else 80


async def _refuse_encoded(answer: httpx.Response) -> None:
    if answer.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
        await answer.aclose()
        raise refused("it is compressed although that was not asked for")
