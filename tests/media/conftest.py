"""Clips to measure, made by the real encoder, and a loopback server that serves or spoils them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from anyvideo.media import encode_mp4


def colors(count: int, width: int, height: int) -> Iterator[bytes]:
    """`count` frames, each of one colour, going from black to red."""
    for index in range(count):
        yield bytes([round(255 * index / max(1, count - 1)), 0, 0]) * (width * height)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of 160x90 at 12 frames per second."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    encode_mp4(path, colors(24, 160, 90), width=160, height=90, fps=12)
    return path


@dataclass(slots=True)
class Site:
    """What the server holds and how it misbehaves; `seen` lists the headers of each request."""

    body: bytes = b""
    etag: str | None = '"v1"'
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    break_after: int | None = None
    ranges: bool = True
    announce: bool = True
    redirects: int = 0
    location: str | None = None
    status_of_whole: int = 200
    stall_at: int | None = None
    stalled: threading.Event = field(default_factory=threading.Event)
    pace: float = 0.0
    endless: bool = False
    wrong_range: str | None = None
    seen: list[dict[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Server:
    """A running server, its address and its present contents."""

    url: str = ""
    site: Site = field(default_factory=Site)


def _app(server: Server) -> Callable[..., object]:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import RedirectResponse, Response, StreamingResponse
    from starlette.routing import Route

    async def serve(request: Request) -> Response:
        site = server.site
        site.seen.append(dict(request.headers))
        hop = int(request.query_params.get("hop", "0"))
        if hop < site.redirects:
            if site.location is not None:
                return Response(status_code=302, headers={"location": site.location})
            return RedirectResponse(f"/clip.mp4?hop={hop + 1}", status_code=302)
        if site.status != 200:
            return Response(status_code=site.status)
        start, status, headers = 0, 200, dict(site.headers)
        if site.etag is not None:
            headers["etag"] = site.etag
        wanted = request.headers.get("range")
        if wanted and site.ranges and request.headers.get("if-range") == site.etag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(site.body):
                return Response(status_code=416)
            status = 206
            span = f"bytes {start}-{len(site.body) - 1}/{len(site.body)}"
            headers["content-range"] = site.wrong_range or span
        if status == 200 != site.status_of_whole:
            return Response(status_code=site.status_of_whole)
        if site.announce:
            headers.setdefault("content-length", str(len(site.body) - start))
        return StreamingResponse(_body(site, start), status_code=status, headers=headers)

    return Starlette(routes=[Route("/{name:path}", serve)])


async def _body(site: Site, start: int) -> AsyncIterator[bytes]:
    end = len(site.body) if site.break_after is None else start + site.break_after
    for at in range(start, min(end, len(site.body)), 16_384):
        if site.stall_at is not None and at + 16_384 > site.stall_at:
            yield site.body[at : site.stall_at]
            site.stalled.set()
            await asyncio.sleep(30)
            return
        yield site.body[at : min(at + 16_384, end)]
        if site.pace:
            await asyncio.sleep(site.pace)
    while site.endless:
        yield site.body


@pytest.fixture(scope="session")
def running_server() -> Iterator[Server]:
    import uvicorn

    server = Server()
    config = uvicorn.Config(
        _app(server), host="127.0.0.1", port=0, log_level="critical", lifespan="off", ws="none"
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not running.started:
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.005)
    port = running.servers[0].sockets[0].getsockname()[1]
    server.url = f"http://127.0.0.1:{port}/clip.mp4"
    yield server
    running.should_exit = True
    thread.join(10)


@pytest.fixture
def server(running_server: Server) -> Iterator[Server]:
    running_server.site = Site()
    yield running_server
    running_server.site.endless = False
