"""The one guarded transport under every SDK: it decides what may leave and records what happened.

Whether bytes left is read from aiohttp's trace. httpx-aiohttp reports a connection dropped after the whole
POST, a refused one and a DNS failure all as the same class, so no exception class is ever asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import ssl
from collections.abc import AsyncIterator
from contextvars import ContextVar
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx

from anyvideo.net.line import Line
from anyvideo.net.sanitize import origin_and_path, origin_of
from anyvideo.net.scopes import current_call
from anyvideo.net.wire import CallRecord, Reply, Scope, Timeouts
from anyvideo.types.errors import PluginError

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

MAX_ANSWER = 16 * 1024 * 1024
SLOWEST = 64 * 1024
PIECE = 64 * 1024
LARGE = 512 * 1024
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_DROPPED_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding", "set-cookie"})

_sending: ContextVar[CallRecord | None] = ContextVar("anyvideo_sending", default=None)


class Pieces(httpx.AsyncByteStream):
    """A body handed over piece by piece, so that a large one does not block the loop."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._content), PIECE):
            yield self._content[start : start + PIECE]


class VendorSaidNo(httpx.TransportError):
    """An answer that is not a 2xx, raised so that no SDK's retry layer sees a status to retry."""


class Tls:
    """One TLS context for all connections of a client, made when the first https call needs it."""

    def __init__(self) -> None:
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """The verifying context with certifi's authorities."""
        if self._context is None:
            self._context = httpx.create_ssl_context()
        return self._context


class GuardedTransport(httpx.AsyncBaseTransport):
    """Under an SDK: one origin, one POST per submit, our timeouts, every answer read whole and recorded."""

    def __init__(
        self,
        base_url: str,
        *,
        timeouts: Timeouts | None = None,
        tls: Tls | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._origin = origin_of(base_url)
        self._timeouts = timeouts or Timeouts()
        self._lines = Lines(tls or Tls(), resolver=resolver, https=self._origin.startswith("https:"))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises PluginError for what a plugin may not do, and an httpx error whenever there is no 2xx."""
        record = current_call()
        if record is None:
            raise PluginError(f"a {request.method} was sent outside a call's scope")
        if origin_of(str(request.url)) != self._origin:
            raise _stopped(record, PluginError("a call with the key was aimed at another origin"))
        await request.aread()
        request.headers["accept-encoding"] = "identity"
        buys = record.scope is Scope.SUBMIT and request.method not in SAFE_METHODS
        if buys:
            await _clear_to_send(record, request)
        silence = self._timeouts.submit if buys else self._timeouts.free
        set_timeouts(request, connect=self._timeouts.connect, silence=silence)
        patience = self._timeouts.connect + silence + len(request.content) / SLOWEST
        watched = record if buys or record.scope is Scope.FREE else None
        line = self._lines.fresh() if buys else self._lines.pooled()
        return await recorded_exchange(line, request, record, watched=watched, patience=patience)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._lines.aclose()


class Lines:
    """Two aiohttp sessions, made lazily in the running loop: one keeps connections, one never does."""

    def __init__(self, tls: Tls, *, resolver: AbstractResolver | None, https: bool = True) -> None:
        self._tls = tls
        self._resolver = resolver
        self._https = https
        self._pooled: Line | None = None
        self._fresh: Line | None = None

    def pooled(self) -> Line:
        """Connections that are kept for the next call."""
        if self._pooled is None:
            self._pooled = self._open(force_close=False)
        return self._pooled

    def fresh(self) -> Line:
        """A new connection for each call: a kept one may be dead, and a POST cannot be sent twice to see."""
        if self._fresh is None:
            self._fresh = self._open(force_close=True)
        return self._fresh

    def _open(self, *, force_close: bool) -> Line:
        context = self._tls.context() if self._https else None
        connector = aiohttp.TCPConnector(
            ssl=True if context is None else context,
            resolver=self._resolver,
            force_close=force_close,
            limit=0,  # the engine's schedule bounds the calls; nothing may queue between W2 and the wire
            use_dns_cache=False,
        )
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(_headers_sent)
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[trace],
            auto_decompress=False,
        )
        unused = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if context is None else context
        return Line(verify=unused, client=session, trust_env=False)

    async def aclose(self) -> None:
        """Close both sessions."""
        for line in (self._pooled, self._fresh):
            if line is not None:
                await line.aclose()
        self._pooled = self._fresh = None


async def _headers_sent(_session: Any, _context: SimpleNamespace, _params: Any) -> None:
    record = _sending.get()
    if record is None:
        return
    if record.last_check is not None:
        try:
            record.last_check()
        except Exception as error:
            record.stopped = error
            raise
    record.left = True


def set_timeouts(request: httpx.Request, *, connect: float, silence: float) -> None:
    """Overrule what the SDK asked for: some ask for none at all."""
    timeout = {"connect": connect, "read": silence, "write": silence, "pool": connect}
    request.extensions = {**request.extensions, "timeout": timeout}


async def _clear_to_send(record: CallRecord, request: httpx.Request) -> None:
    """Count the POST, let the engine write it down, and see that it takes a connection of its own."""
    record.posts += 1
    if record.posts > 1:
        raise _stopped(record, PluginError("a submit sends one POST; the second was refused"))
    request.headers.pop("connection", None)
    record.body_hash = hashlib.sha256(request.content).hexdigest()
    if record.before_send is not None:
        try:
            record.last_check = await record.before_send(record.body_hash)
        except Exception as error:
            record.stopped = error
            raise


def _stopped(record: CallRecord, error: PluginError) -> PluginError:
    record.stopped = record.stopped or error
    return error


async def recorded_exchange(
    line: Line,
    request: httpx.Request,
    record: CallRecord,
    *,
    watched: CallRecord | None,
    patience: float,
    json_expected: bool = True,
) -> httpx.Response:
    """Send, read the whole answer, record it. Raises an httpx error whenever the answer is not a 2xx."""
    deadline = asyncio.get_running_loop().time() + patience
    token = _sending.set(watched)
    try:
        async with asyncio.timeout_at(deadline):
            answer = await line.handle_async_request(in_pieces(request))
    except Exception as error:
        record.problem = _problem(error, "after sending" if record.left else "before sending")
        if isinstance(error, TimeoutError):
            raise httpx.ReadTimeout("the call took too long", request=request) from error
        raise
    finally:
        _sending.reset(token)
    if watched is not None:
        watched.left = True  # an answer proves it also where no trace ran, as in a replayed cassette
    body = await _read(answer, record, deadline)
    headers = {name: value for name, value in answer.headers.items() if name not in _DROPPED_HEADERS}
    content, readable = _parsed(body, json_expected=json_expected)
    reply = Reply(
        method=request.method,
        url=origin_and_path(str(request.url)),
        status=answer.status_code,
        headers=headers,
        body=content,
        readable=readable,
    )
    record.replies.append(reply)
    if not reply.ok:
        raise VendorSaidNo(f"answered with {reply.status}", request=request)
    return httpx.Response(reply.status, headers=headers, content=body or b"", request=request)


def in_pieces(request: httpx.Request) -> httpx.Request:
    """The same request, with a large body in pieces."""
    if len(request.content) <= LARGE:
        return request
    return httpx.Request(
        request.method,
        request.url,
        headers=request.headers,
        stream=Pieces(request.content),
        extensions=request.extensions,
    )


def _problem(error: BaseException, stage: str) -> str:
    if not isinstance(error, httpx.TransportError):
        return f"{type(error).__name__} {stage}"
    said = str(error) if error.__cause__ is None else ""  # a Line's own words are a class
    return f"{said if said.isidentifier() else type(error.__cause__ or error).__name__} {stage}"


async def _read(answer: httpx.Response, record: CallRecord, deadline: float) -> bytes | None:
    """The whole body, decoded; None where it was cut off, late, or larger than MAX_ANSWER."""
    body = bytearray()
    try:
        async with asyncio.timeout_at(deadline):
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER:
                    record.problem = "answer larger than what is read"
                    return None
    except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
        record.problem = _problem(error, "while reading the answer")
        return None
    finally:
        with contextlib.suppress(httpx.HTTPError, aiohttp.ClientError, OSError):
            await answer.aclose()
    return bytes(body)


def _parsed(body: bytes | None, *, json_expected: bool) -> tuple[Any, bool]:
    """The JSON or the text, and whether it is what it should be. NaN and infinities read as null."""
    if body is None:
        return None, False
    if not body:
        return None, True
    try:
        return json.loads(body, parse_constant=lambda _: None), True
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace"), not json_expected
