"""Nobody outside is reached or told: listeners count connects, canary keys are looked for in every byte."""

from __future__ import annotations

import asyncio
import base64
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp.abc import AbstractResolver
from pydantic import SecretStr

import anyvideo.net.outputs as outputs_module
from anyvideo.media import download
from anyvideo.net.clients import open_context
from anyvideo.net.outputs import OutputTransport
from anyvideo.net.wire import Timeouts
from anyvideo.plugins import Plugins
from anyvideo.provider import ProviderContext, ProviderPlugin
from anyvideo.testing.clock import VirtualClock
from anyvideo.types.errors import DownloadFailed

from .conftest import RawServer, Seen, answer
from .test_outputs import Names

pytestmark = pytest.mark.anyio

CANARY = "sk-CANARY-0123456789abcdef"
FORMS = (CANARY, base64.b64encode(CANARY.encode()).decode(), quote(CANARY, safe=""), CANARY[:16], CANARY[10:])
CLIP = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp41" + bytes(4000)
FLIPS = [
    [["8.8.8.8"], ["127.0.0.1"]],
    [["8.8.8.8", "127.0.0.1"]],
    [["127.0.0.1"], ["8.8.8.8"]],
    [["2606:4700:4700::1111", "::1"]],
    [["::ffff:127.0.0.1"]],
    [["64:ff9b::7f00:1"]],
    [["2002:7f00:1::"]],
    [["169.254.169.254"], ["8.8.8.8"]],
]
TARGETS = (
    "http://127.0.0.1:{port}/", "https://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::1]:{port}/",
    "http://0.0.0.0:{port}/", "http://2130706433:{port}/", "http://0x7f.1:{port}/", "//127.0.0.1:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/", "http://127.0.0.1.:{port}/",
)  # fmt: skip
PLUGINS = [plugin for plugin in Plugins.discover().all if plugin.needs_key]


@pytest.fixture
async def foreign() -> AsyncIterator[RawServer]:
    """A second server: another origin than the provider's."""
    raw = RawServer()
    listening = await asyncio.start_server(raw.serve, "127.0.0.1", 0)
    raw.port = listening.sockets[0].getsockname()[1]
    yield raw
    listening.close()
    await raw.hang_up()


def context_for(plugin: ProviderPlugin, url: str, folder: Path) -> object:
    return open_context(
        ProviderContext,
        key=SecretStr(CANARY),
        base_url=url,
        clock=VirtualClock(),
        work=folder,
        timeouts=Timeouts(connect=0.5, outputs=0.5),
    )


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
@pytest.mark.parametrize("hops", [0, 1, 3])
async def test_no_byte_of_a_key_reaches_an_output_host(
    plugin: ProviderPlugin,
    hops: int,
    server: RawServer,
    foreign: RawServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The foreign host is on loopback here, so the guard over addresses is off: only the bytes count."""
    monkeypatch.setattr(outputs_module, "guard_url", lambda *_, **__: None)

    async def away(seen: Seen, writer: asyncio.StreamWriter) -> None:
        hop = int(seen.path.rpartition("=")[2] or 0)
        onward = f"{(server if hop % 2 else foreign).url}/out.mp4?hop={hop + 1}"
        writer.write(answer(302, b"", location=onward) if hop < hops else answer(200, CLIP))

    server.reply = foreign.reply = away
    async with context_for(plugin, server.url, tmp_path) as context:  # type: ignore[attr-defined]
        opened = plugin.open(context)
        await download(f"{foreign.url}/out.mp4?hop=0", tmp_path / "clip.mp4", client=context.outputs)
        await opened.aclose()
    assert (tmp_path / "clip.mp4").read_bytes() == CLIP
    assert foreign.seen
    for seen in (*foreign.seen, *server.seen):
        told = f"{seen.path} {seen.headers} {seen.body!r}"
        assert not any(form in told for form in FORMS)


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
async def test_a_key_goes_to_its_own_origin_only(
    plugin: ProviderPlugin, server: RawServer, foreign: RawServer, tmp_path: Path
) -> None:
    """What the vendor's own API answers with a redirect is not followed, by no SDK."""

    async def away(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(307, b"", location=f"{foreign.url}/v1/jobs"))

    server.reply = away
    from anyvideo.net.scopes import free_call
    from anyvideo.types.job import Ref

    async with context_for(plugin, server.url, tmp_path) as context:  # type: ignore[attr-defined]
        opened = plugin.open(context)
        with pytest.raises(Exception, match=r".*"):
            async with free_call():
                await opened.fetch(Ref(job_id="17f20503-6c24-4c16-946b-35dbbce2af2f", model="some/model"))
        await opened.aclose()
    assert foreign.connections == 0
    assert server.seen, "the provider was asked"
    assert any(form in str(seen.headers) for seen in server.seen for form in FORMS), "and got its key"


@pytest.mark.parametrize("answers", FLIPS, ids=str)
async def test_a_name_that_flips_reaches_no_listener(
    answers: list[list[str]], server: RawServer, tmp_path: Path
) -> None:
    import httpx

    names: AbstractResolver = Names(*answers)
    transport = OutputTransport(
        "https://api.example.com", timeouts=Timeouts(connect=0.2, outputs=0.2), names=names
    )
    async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
        for _ in range(3):
            # Where only public addresses were told, the suite's own ban on the network stops the connect.
            with pytest.raises((DownloadFailed, RuntimeError)):
                await download(
                    "https://rebinding.example.com:8443/out.mp4", tmp_path / "clip.mp4", client=client
                )
    assert server.connections == 0


@pytest.mark.parametrize(("target", "hops"), list(itertools.product(TARGETS, [1, 4])))
async def test_20_redirect_chains_reach_no_listener(
    target: str, hops: int, server: RawServer, foreign: RawServer, tmp_path: Path
) -> None:
    """A provider's own loopback origin redirects, at last, to something else on this machine."""
    import httpx

    async def onward(seen: Seen, writer: asyncio.StreamWriter) -> None:
        hop = int(seen.path.rpartition("=")[2]) + 1
        last = hop >= hops
        where = target.format(port=foreign.port) if last else f"{server.url}/out.mp4?hop={hop}"
        writer.write(answer((301, 302, 303, 307, 308)[hop % 5], b"", location=where))

    server.reply = onward
    transport = OutputTransport(server.url, timeouts=Timeouts(connect=0.5, outputs=0.5))
    async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
        with pytest.raises(DownloadFailed) as caught:
            await download(f"{server.url}/out.mp4?hop=0", tmp_path / "clip.mp4", client=client)
    assert not caught.value.retryable
    assert len(server.seen) == hops
    assert foreign.connections == 0
    assert not list(tmp_path.glob("*"))  # noqa: ASYNC240
