"""A paid result, brought home: streamed, resumed, checked, and under its name only when whole.

The file grows as `<destination>.part`; `<destination>.part.etag` remembers which version of which
resource it is a part of. Only a strong validator may join two halves (RFC 9110 §13.1.5, §14.2), so a part
without one is fetched afresh.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from anyvideo.media.answer import StalePart, accept, failed, sniff, strong_etag, too_large
from anyvideo.media.part import PartFile, Saved
from anyvideo.types.errors import AnyVideoError, DownloadFailed

if TYPE_CHECKING:
    import httpx

MAX_BYTES = 2 * 1024**3
SLOWEST = 64 * 1024
"""Bytes per second, over a window, below which a download is given up for another try."""
WINDOW = 60.0
DEADLINE = 3600.0
REDIRECTS = 5
_REDIRECTING = frozenset({301, 302, 303, 307, 308})
_SNIFFED = 12
_WRITE_AT = 1024 * 1024

T = TypeVar("T")
Expected = Literal["mp4", "any"]
OnProgress = Callable[[int, int | None], object]


async def download(
    url: str,
    destination: Path,
    *,
    client: httpx.AsyncClient,
    expected: Expected = "mp4",
    max_bytes: int = MAX_BYTES,
    slowest: float = SLOWEST,
    window: float = WINDOW,
    deadline: float = DEADLINE,
    redirects: int = REDIRECTS,
    on_progress: OnProgress | None = None,
) -> int:
    """Fetch `url` into `destination` over `client`; returns the file's size in bytes.

    A `.part` left by an earlier try is continued when the server still has the same version.
    `expected="mp4"` refuses a body that does not start like an MP4 before more of it is read.
    `on_progress` gets the bytes on disk so far and the total, or None where the server names none.
    At most `redirects` are followed, each a request of its own for the client's transport to judge; where
    that is 0, one is an answer like any other that brings no file.
    A body slower than `slowest` bytes per second over `window` seconds, or one that is not whole after
    `deadline` seconds, is left; its `.part` stays. Nothing is ever decoded, so no body grows on its way.

    Raises `DownloadFailed`: `expired` when a new link may help, `retryable` when the same one may.
    A try that broke off keeps its `.part`; one whose body was refused removes it.
    """
    target = _parse(url)
    part = PartFile(destination, f"{target.scheme}://{target.netloc.decode()}{target.path}")
    rules = _Rules(
        expected=expected,
        max_bytes=max_bytes,
        slowest=slowest,
        window=window,
        redirects=redirects,
        on_progress=on_progress,
    )
    try:
        size = await _within(deadline, client, target, part, rules)
        await _in_thread(part.finish)
    except OSError as error:
        raise failed(
            f"could not write {destination.name}: {error.strerror or error}", retryable=False
        ) from error
    except DownloadFailed as error:
        if not error.retryable and error.status is None:
            await _in_thread(part.discard)
        raise
    return size


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    """What a body must keep to, and who hears of its progress."""

    expected: Expected
    max_bytes: int
    slowest: float
    window: float
    redirects: int
    on_progress: OnProgress | None


async def _within(
    deadline: float, client: httpx.AsyncClient, target: httpx.URL, part: PartFile, rules: _Rules
) -> int:
    import anyio

    try:
        with anyio.fail_after(deadline):
            saved = await _in_thread(part.saved)
            try:
                return await _fetch(client, target, part, saved, rules)
            except StalePart:
                await _in_thread(part.discard)
                return await _fetch(client, target, part, None, rules)
    except TimeoutError as error:
        raise failed(f"the download from {target.host} took longer than {deadline:g} s") from error


async def _fetch(
    client: httpx.AsyncClient, target: httpx.URL, part: PartFile, saved: Saved | None, rules: _Rules
) -> int:
    async with _answer(client, target, saved, rules.redirects) as response:
        start, total = accept(response, saved, rules.max_bytes)
        await _in_thread(part.open, start, strong_etag(response), total)
        try:
            return await _receive(response, part, start, total, rules)
        finally:
            await _finish_in_thread(part.close)


def _parse(url: str) -> httpx.URL:
    import httpx

    try:
        return httpx.URL(url)
    except httpx.InvalidURL as error:
        raise failed("the link is not a URL", retryable=False) from error


def _joined(target: httpx.URL, location: str) -> httpx.URL:
    import httpx

    try:
        return target.join(location)
    except httpx.InvalidURL as error:
        raise failed(f"{target.host} redirects to what is not a URL", retryable=False) from error


@asynccontextmanager
async def _answer(
    client: httpx.AsyncClient, target: httpx.URL, saved: Saved | None, redirects: int
) -> AsyncIterator[httpx.Response]:
    """The first answer that is not a redirect to be followed."""
    headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
    if saved is not None:
        headers |= {"Range": f"bytes={saved.start}-", "If-Range": saved.etag}
    for _ in range(redirects + 1):
        response = await _sent(client, client.build_request("GET", target, headers=headers))
        try:
            location = response.headers.get("location")
            if not redirects or response.status_code not in _REDIRECTING or location is None:
                yield response
                return
            target = _joined(target, location)
        finally:
            with contextlib.suppress(Exception):
                await response.aclose()
    raise failed(f"the link redirects more than {redirects} times", retryable=False)


async def _sent(client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
    """Raises DownloadFailed, and what the client's transport refuses with."""
    host = request.url.host
    try:
        return await client.send(request, stream=True, follow_redirects=False)
    except AnyVideoError:
        raise
    except Exception as error:  # noqa: BLE001 - each library under httpx has its own
        problem = _broken_off(host, error)
    raise problem


async def _next(chunks: AsyncIterator[bytes], host: str) -> bytes | None:
    """The next piece of a body, None at its end. Raises DownloadFailed."""
    try:
        return await anext(chunks, None)
    except AnyVideoError:
        raise
    except Exception as error:  # noqa: BLE001 - each library under httpx has its own
        problem = _broken_off(host, error)
    raise problem


def _broken_off(host: str, error: Exception) -> DownloadFailed:
    """The error for whatever a client raises; to be raised outside of its handler.

    It says no more than the class: texts, requests and causes of such errors hold the whole address, and
    that may be signed.
    """
    import httpx

    return failed(
        f"the download from {host} broke off: {type(error).__name__}",
        retryable=not isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL),
    )


async def _receive(
    response: httpx.Response,
    part: PartFile,
    start: int,
    total: int | None,
    rules: _Rules,
) -> int:
    size, buffer, checked = start, bytearray(), rules.expected == "any" or start >= _SNIFFED
    floor = _Floor(rules.slowest, rules.window, start)
    head = await _in_thread(part.head) if start and not checked else b""
    chunks, host = response.aiter_raw(), response.url.host
    try:
        while (chunk := await _next(chunks, host)) is not None:
            buffer += chunk
            size += len(chunk)
            if size > rules.max_bytes:
                raise too_large(size, rules.max_bytes)
            floor.check(size, host)
            if not checked and size >= _SNIFFED:
                sniff(head + bytes(buffer[:512]))
                checked = True
            if len(buffer) >= _WRITE_AT:
                await _flush(part, buffer)
                _report(rules.on_progress, size, total)
    finally:
        await _flush(part, buffer)
    _report(rules.on_progress, size, total)
    if total is not None and size != total:
        raise failed(f"{host} sent {size} of {total} bytes")
    if not checked:
        raise failed(f"{host} sent a body of only {size} bytes")
    return size


class _Floor:
    """Watches the speed, one window after the other."""

    def __init__(self, slowest: float, window: float, size: int) -> None:
        import anyio

        self._now = anyio.current_time
        self._slowest, self._window = slowest, window
        self._since, self._had = self._now(), size

    def check(self, size: int, host: str) -> None:
        """Raises DownloadFailed at the end of a window in which too little came."""
        now = self._now()
        if now - self._since < self._window:
            return
        speed = (size - self._had) / (now - self._since)
        if speed < self._slowest:
            raise failed(f"{host} sends only {speed / 1024:.3g} KiB a second")
        self._since, self._had = now, size


async def _flush(part: PartFile, buffer: bytearray) -> None:
    if buffer:
        data = bytes(buffer)
        buffer.clear()
        await _finish_in_thread(part.write, data)


def _report(on_progress: OnProgress | None, size: int, total: int | None) -> None:
    if on_progress is not None:
        on_progress(size, total)


async def _in_thread(work: Callable[..., T], *args: object) -> T:
    import anyio.to_thread

    return await anyio.to_thread.run_sync(work, *args)


async def _finish_in_thread(work: Callable[..., None], *args: object) -> None:
    """Like `_in_thread`, also when the download was canceled: what arrived is kept."""
    import anyio

    with anyio.CancelScope(shield=True):
        await _in_thread(work, *args)
