"""Opening what a provider works with, and closing it again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from anyvideo.net.clients import open_context
from anyvideo.net.scopes import free_call
from anyvideo.provider import ProviderContext
from anyvideo.testing.clock import VirtualClock
from anyvideo.types.errors import DownloadFailed, PluginError

from .conftest import RawServer


async def with_context(
    base_url: str | None, work: Path, use: Callable[[ProviderContext], Awaitable[Any]]
) -> Any:
    opened = open_context(
        ProviderContext, key=SecretStr("sesame"), base_url=base_url, clock=VirtualClock(), work=work
    )
    async with opened as context:
        return await use(context)


async def ask(context: ProviderContext) -> int:
    async with free_call():
        return (await context.exchange(context.http.get(f"{context.base_url}/status"))).status


def serve_once_in_a_loop_of_its_own(work: Path) -> int:
    async def run() -> int:
        raw = RawServer()
        listening = await asyncio.start_server(raw.serve, "127.0.0.1", 0)
        raw.port = listening.sockets[0].getsockname()[1]
        try:
            status = await with_context(raw.url, work, ask)
        finally:
            listening.close()
            await raw.hang_up()
        assert isinstance(status, int)
        return status

    return asyncio.run(run())


def test_one_client_after_another_each_in_its_own_loop(tmp_path: Path) -> None:
    assert [serve_once_in_a_loop_of_its_own(tmp_path) for _ in range(2)] == [200, 200]


@pytest.mark.anyio
async def test_proxies_of_the_environment_are_not_used(
    server: RawServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async def both(context: ProviderContext) -> list[int]:
        return [await ask(context), (await context.outputs.get(f"{server.url}/out.mp4")).status_code]

    assert await with_context(server.url, tmp_path, both) == [200, 200]


@pytest.mark.anyio
async def test_without_a_base_url_nothing_of_this_machine_is_reached(
    server: RawServer, tmp_path: Path
) -> None:
    async def fetch(context: ProviderContext) -> None:
        with pytest.raises(DownloadFailed):
            await context.outputs.get(f"{server.url}/picture.png")
        async with free_call():
            with pytest.raises(PluginError):
                await context.exchange(context.http.get(f"{server.url}/status"))

    await with_context(None, tmp_path, fetch)
    assert server.connections == 0


@pytest.mark.anyio
async def test_the_key_is_not_in_what_is_shown(server: RawServer, tmp_path: Path) -> None:
    async def show(context: ProviderContext) -> str:
        return repr(context)

    assert "sesame" not in await with_context(server.url, tmp_path, show)


@pytest.mark.anyio
async def test_after_closing_nothing_is_sent(server: RawServer, tmp_path: Path) -> None:
    kept: list[ProviderContext] = []

    async def keep(context: ProviderContext) -> None:
        kept.append(context)

    await with_context(server.url, tmp_path, keep)
    async with free_call():
        with pytest.raises(RuntimeError, match="closed"):
            await kept[0].http.get(f"{server.url}/status")
    assert isinstance(kept[0].http, httpx.AsyncClient)
    assert server.connections == 0
