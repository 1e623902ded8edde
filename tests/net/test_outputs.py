"""Results and pictures: streamed, without credentials, from judged addresses only."""

from __future__ import annotations

import asyncio
import logging
import socket
import traceback
from collections.abc import AsyncIterator

import httpx
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from anyvideo.net.outputs import OutputTransport
from anyvideo.net.scopes import exchange, free_call, submit_call
from anyvideo.net.wire import RefusedByVendor, Timeouts
from anyvideo.types.errors import DownloadFailed, PluginError

from .conftest import RawServer, Seen, answer

pytestmark = pytest.mark.anyio


class Names(AbstractResolver):
    """Resolves every name to the given addresses, one list after the other."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.asked.append(host)
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        pass


def client_for(base_url: str, *, names: AbstractResolver | None = None) -> httpx.AsyncClient:
    transport = OutputTransport(base_url, timeouts=Timeouts(connect=0.5, outputs=0.5), names=names)
    return httpx.AsyncClient(transport=transport, trust_env=False)


@pytest.fixture
async def client(server: RawServer) -> AsyncIterator[httpx.AsyncClient]:
    async with client_for(server.url) as made:
        yield made


async def test_a_result_is_streamed_without_a_scope(server: RawServer, client: httpx.AsyncClient) -> None:
    sent = asyncio.Event()

    async def slowly(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(200, b"first", content_length="11", content_type="video/mp4"))
        await writer.drain()
        await sent.wait()
        writer.write(b"second")

    server.reply = slowly
    async with client.stream("GET", f"{server.url}/out.mp4") as response:
        chunks = response.aiter_bytes()
        assert await anext(chunks) == b"first", "the first bytes come before the last are sent"
        sent.set()
        assert b"".join([chunk async for chunk in chunks]) == b"second"


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_what_breaks_on_the_line_shows_no_signature(
    server: RawServer, client: httpx.AsyncClient, method: str
) -> None:
    async def nonsense(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\xff\xfe nonsense\r\n\r\n")
        writer.close()

    server.reply = nonsense
    secret = "open-sesame"
    async with free_call() as record:
        with pytest.raises(httpx.RemoteProtocolError) as caught:
            await client.request(method, f"{server.url}/out.mp4?signature={secret}")
    assert record.problem == (None if method == "GET" else "ClientResponseError after sending")
    assert secret not in "".join(traceback.format_exception(caught.value))
    link: BaseException | None = caught.value
    while link is not None:
        assert secret not in f"{link!r} {link}"
        link = link.__context__


@pytest.mark.parametrize("header", ["Authorization", "Cookie", "X-API-Key", "Proxy-Authorization"])
async def test_credentials_are_refused(server: RawServer, client: httpx.AsyncClient, header: str) -> None:
    with pytest.raises(PluginError, match="credentials"):
        await client.get(f"{server.url}/out.mp4", headers={header: "secret"})
    assert server.connections == 0


async def test_a_redirect_is_handed_back(server: RawServer, client: httpx.AsyncClient) -> None:
    async def away(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(302, b"", location="https://169.254.169.254/"))

    server.reply = away
    response = await client.get(f"{server.url}/out.mp4")
    assert (response.status_code, response.headers["location"]) == (302, "https://169.254.169.254/")
    with pytest.raises(DownloadFailed):
        await client.get(f"{server.url}/out.mp4", follow_redirects=True)


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["169.254.169.254"],
        ["10.1.2.3"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["8.8.8.8", "127.0.0.1"],
    ],
)
async def test_a_name_that_leads_inside_is_refused(server: RawServer, addresses: list[str]) -> None:
    async with client_for("https://api.example.com", names=Names(addresses)) as client:
        with pytest.raises(DownloadFailed, match="not public") as refused:
            await client.get(f"https://inside.example.com:{8443}/out.mp4?signature=secret")
    assert not refused.value.retryable
    assert server.connections == 0


async def test_what_was_judged_is_what_is_connected_to(server: RawServer) -> None:
    """A name that answers first with a good address and then with loopback: the second is never asked for."""
    names = Names(["192.0.2.1"], ["127.0.0.1"])
    async with client_for(server.url.replace("127.0.0.1", "localhost"), names=Names(["127.0.0.1"])) as client:
        assert (await client.get(f"http://localhost:{server.port}/out.mp4")).status_code == 200
    async with client_for("https://api.example.com", names=names) as client:
        with pytest.raises(DownloadFailed):
            await client.get("https://rebinding.example.com/out.mp4")
    assert names.asked == ["rebinding.example.com"]


async def test_the_name_of_loopback_is_let_in_for_one_port_only(server: RawServer) -> None:
    names = Names(["127.0.0.1"])
    async with client_for(f"http://localhost:{server.port + 1}", names=names) as client:
        with pytest.raises(DownloadFailed):
            await client.get(f"http://localhost:{server.port}/out.mp4")
    assert server.connections == 0


async def test_an_answer_compressed_unasked_is_refused(server: RawServer, client: httpx.AsyncClient) -> None:
    async def squeezed(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(200, b"zzz", content_encoding="gzip"))

    server.reply = squeezed
    with pytest.raises(DownloadFailed, match="compressed"):
        await client.get(f"{server.url}/out.mp4")
    assert server.seen[0].headers["accept-encoding"] == "identity"


async def test_signed_addresses_are_not_logged(
    server: RawServer, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    response = await client.get(f"{server.url}/out.mp4?X-Signature=sesame")
    assert server.seen[0].path == "/out.mp4?X-Signature=sesame"
    assert str(response.url) == f"{server.url}/out.mp4"
    assert "out.mp4" in caplog.text
    assert "sesame" not in caplog.text


async def test_an_upload_needs_a_free_scope(server: RawServer, client: httpx.AsyncClient) -> None:
    async def nothing(_hash: str) -> None:
        pass

    with pytest.raises(PluginError, match="scope"):
        await client.post(f"{server.url}/put", content=b"picture")
    async with submit_call(nothing):
        with pytest.raises(PluginError, match="scope"):
            await client.post(f"{server.url}/put", content=b"picture")
    assert server.connections == 0

    async def stored(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(201, b"<xml/>", content_type="application/xml"))

    server.reply = stored
    async with free_call():
        reply = await exchange(client.post(f"{server.url}/put?signature=sesame", content=b"picture"))
    assert (reply.status, reply.body, reply.readable) == (201, "<xml/>", True)
    assert "sesame" not in reply.url
    assert server.seen[0].body == b"picture"


async def test_an_upload_that_is_refused_says_so(server: RawServer, client: httpx.AsyncClient) -> None:
    async def no(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(403, b"expired", content_type="text/plain"))

    server.reply = no
    async with free_call():
        with pytest.raises(RefusedByVendor) as refused:
            await exchange(client.post(f"{server.url}/put", content=b"picture"))
    assert refused.value.reply.body == "expired"


async def test_a_picture_fetched_during_a_submit_is_not_the_submit(
    server: RawServer, client: httpx.AsyncClient
) -> None:
    async def nothing(_hash: str) -> None:
        pass

    async with submit_call(nothing) as record:
        await client.get(f"{server.url}/picture.png")
    assert not record.left
    assert record.replies == []


async def test_a_server_that_goes_silent_is_left(server: RawServer, client: httpx.AsyncClient) -> None:
    async def stall(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(200, b"first", content_length="11"))
        await writer.drain()
        await asyncio.sleep(30)

    server.reply = stall
    with pytest.raises(httpx.ReadTimeout):
        await client.get(f"{server.url}/out.mp4", timeout=None)
