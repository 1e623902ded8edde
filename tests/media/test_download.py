"""Downloads against a real server on loopback, over both transports that httpx can have here."""

from __future__ import annotations

import asyncio
import gzip
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import httpx
import pytest

from anyvideo.media import download
from anyvideo.net.outputs import OutputTransport
from anyvideo.types.errors import DownloadFailed

if TYPE_CHECKING:
    from conftest import Server

pytestmark = pytest.mark.anyio

MP4_START = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp41"


def body(size: int) -> bytes:
    seed = 20261121
    print(f"seed {seed}")  # noqa: T201
    return MP4_START + random.Random(seed).randbytes(size - len(MP4_START))


@pytest.fixture(params=["httpx", "aiohttp"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[httpx.AsyncClient]:
    from httpx_aiohttp import AiohttpTransport

    transport = AiohttpTransport() if request.param == "aiohttp" else None
    async with httpx.AsyncClient(transport=transport, trust_env=False) as opened:
        yield opened


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_whole_file_arrives_under_its_name(
    client: httpx.AsyncClient, server: Server, tmp_path: Path
) -> None:
    server.site.body = body(3_000_000)
    seen: list[tuple[int, int | None]] = []
    target = tmp_path / "new" / "clip.mp4"
    size = await download(server.url, target, client=client, on_progress=lambda *at: seen.append(at))
    assert target.read_bytes() == server.site.body
    assert size == len(server.site.body)
    assert files(target.parent) == {"clip.mp4"}
    assert seen[-1] == (size, size)
    assert [at for at, _ in seen] == sorted(at for at, _ in seen)
    assert len(seen) > 1
    assert server.site.seen[0]["accept-encoding"] == "identity"


async def test_length_may_be_unknown(client: httpx.AsyncClient, server: Server, tmp_path: Path) -> None:
    server.site.body, server.site.announce = body(50_000), False
    seen: list[tuple[int, int | None]] = []
    await download(server.url, tmp_path / "clip.mp4", client=client, on_progress=lambda *at: seen.append(at))
    assert (tmp_path / "clip.mp4").read_bytes() == server.site.body
    assert seen[-1] == (50_000, None)


async def broken_off(client: httpx.AsyncClient, server: Server, target: Path, after: int) -> None:
    server.site.break_after = after
    with pytest.raises(DownloadFailed) as caught:
        await download(server.url, target, client=client)
    assert caught.value.retryable
    assert not caught.value.expired
    assert target.name not in files(target.parent)
    server.site.break_after = None


async def test_short_body_is_no_file_and_the_rest_is_fetched_later(
    client: httpx.AsyncClient, server: Server, tmp_path: Path
) -> None:
    server.site.body = body(2_000_000)
    target = tmp_path / "clip.mp4"
    await broken_off(client, server, target, after=1_200_000)
    assert files(tmp_path) == {"clip.mp4.part", "clip.mp4.part.etag"}
    kept = (tmp_path / "clip.mp4.part").stat().st_size
    assert 0 < kept <= 1_200_000

    await download(server.url, target, client=client)
    assert target.read_bytes() == server.site.body
    assert files(tmp_path) == {"clip.mp4"}
    assert server.site.seen[1]["range"] == f"bytes={kept - 1}-"
    assert server.site.seen[1]["if-range"] == '"v1"'


async def test_a_new_signature_on_the_same_link_still_continues(
    client: httpx.AsyncClient, server: Server, tmp_path: Path
) -> None:
    server.site.body = body(2_000_000)
    target = tmp_path / "clip.mp4"
    await broken_off(client, server, target, after=1_200_000)
    server.site.status = 403
    with pytest.raises(DownloadFailed) as caught:
        await download(server.url + "?signature=old-secret", target, client=client)
    assert caught.value.expired
    server.site.status = 200
    await download(server.url + "?signature=fresh-secret", target, client=client)
    assert target.read_bytes() == server.site.body
    assert "range" in server.site.seen[-1]


async def test_another_resource_is_never_joined_to_the_part(
    client: httpx.AsyncClient, server: Server, tmp_path: Path
) -> None:
    server.site.body = body(2_000_000)
    target = tmp_path / "clip.mp4"
    await broken_off(client, server, target, after=1_200_000)
    await download(server.url.replace("clip", "other"), target, client=client)
    assert "range" not in server.site.seen[-1]
    assert target.read_bytes() == server.site.body


async def test_changed_version_starts_afresh(
    client: httpx.AsyncClient, server: Server, tmp_path: Path
) -> None:
    server.site.body = body(2_000_000)
    target = tmp_path / "clip.mp4"
    await broken_off(client, server, target, after=1_200_000)
    server.site.body, server.site.etag = MP4_START + b"another clip" * 90_000, '"v2"'
    await download(server.url, target, client=client)
    assert target.read_bytes() == server.site.body


async def test_server_that_ignores_ranges_sends_all_again(
    client: httpx.AsyncClient, server: Server, tmp_path: Path
) -> None:
    server.site.body = body(2_000_000)
    target = tmp_path / "clip.mp4"
    await broken_off(client, server, target, after=1_200_000)
    server.site.ranges = False
    await download(server.url, target, client=client)
    assert target.read_bytes() == server.site.body


async def test_part_longer_than_the_resource_is_thrown_away(
    client: httpx.AsyncClient, server: Server, tmp_path: Path
) -> None:
    server.site.body = body(2_000_000)
    target = tmp_path / "clip.mp4"
    await broken_off(client, server, target, after=1_200_000)
    server.site.body = server.site.body[:30_000]
    await download(server.url, target, client=client)
    assert target.read_bytes() == server.site.body


async def test_part_that_was_complete_needs_one_byte(
    client: httpx.AsyncClient, server: Server, tmp_path: Path
) -> None:
    server.site.body = body(2_000_000)
    target = tmp_path / "clip.mp4"
    await broken_off(client, server, target, after=1_200_000)
    (tmp_path / "clip.mp4.part").write_bytes(server.site.body)
    await download(server.url, target, client=client)
    assert target.read_bytes() == server.site.body
    assert len(server.site.seen) == 2


@pytest.mark.parametrize("named", [True, False])
async def test_a_rest_that_ends_too_early_is_no_whole_file(
    client: httpx.AsyncClient, server: Server, tmp_path: Path, named: bool
) -> None:
    """The same version has the size that it had at first, whether the server says another now or none."""
    whole = server.site.body = body(2_000_000)
    target = tmp_path / "clip.mp4"
    await broken_off(client, server, target, after=1_200_000)
    start = (tmp_path / "clip.mp4.part").stat().st_size - 1
    server.site.body = whole[: start + 100]
    server.site.wrong_range = f"bytes {start}-{start + 99}/{start + 100 if named else '*'}"
    server.site.status_of_whole = 503
    with pytest.raises(DownloadFailed) as caught:
        await download(server.url, target, client=client)
    assert caught.value.retryable
    assert not target.exists()
    server.site.body, server.site.wrong_range, server.site.status_of_whole = whole, None, 200
    await download(server.url, target, client=client)
    assert target.read_bytes() == whole


async def test_a_rest_of_unknown_size_is_not_joined_to_a_part_of_unknown_size(
    client: httpx.AsyncClient, server: Server, tmp_path: Path
) -> None:
    whole = server.site.body = body(2_000_000)
    target = tmp_path / "clip.mp4"
    server.site.announce = False
    with anyio.CancelScope() as scope:
        await download(server.url, target, client=client, on_progress=lambda *_: scope.cancel())
    start = (tmp_path / "clip.mp4.part").stat().st_size - 1
    server.site.announce, server.site.wrong_range = True, f"bytes {start}-{start + 99}/*"
    await download(server.url, target, client=client)
    assert target.read_bytes() == whole
    assert [("range" in seen) for seen in server.site.seen] == [False, True, False]


@pytest.mark.parametrize("total", ["9" * 5000, "-1", "", "²"])
async def test_a_size_that_is_none_is_not_believed(
    client: httpx.AsyncClient, server: Server, tmp_path: Path, total: str
) -> None:
    server.site.body = body(2_000_000)
    target = tmp_path / "clip.mp4"
    await broken_off(client, server, target, after=1_200_000)
    start = (tmp_path / "clip.mp4.part").stat().st_size - 1
    server.site.wrong_range = f"bytes {start}-1999999/{total}"
    await download(server.url, target, client=client)
    assert target.read_bytes() == server.site.body


@pytest.mark.parametrize("etag", [None, 'W/"v1"'])
async def test_without_a_strong_etag_nothing_is_joined(
    client: httpx.AsyncClient, server: Server, tmp_path: Path, etag: str | None
) -> None:
    server.site.body, server.site.etag = body(2_000_000), etag
    target = tmp_path / "clip.mp4"
    await broken_off(client, server, target, after=1_200_000)
    await download(server.url, target, client=client)
    assert target.read_bytes() == server.site.body
    assert "range" not in server.site.seen[1]


@pytest.mark.parametrize("announce", [True, False])
async def test_more_than_allowed_is_refused_and_removed(
    client: httpx.AsyncClient, server: Server, tmp_path: Path, announce: bool
) -> None:
    server.site.body, server.site.announce = body(300_000), announce
    with pytest.raises(DownloadFailed, match="100000") as caught:
        await download(server.url, tmp_path / "clip.mp4", client=client, max_bytes=100_000)
    assert not caught.value.retryable
    assert files(tmp_path) == set()


async def test_compressed_body_is_refused_unread(
    client: httpx.AsyncClient, server: Server, tmp_path: Path
) -> None:
    server.site.body = gzip.compress(bytes(20_000_000))
    server.site.headers["content-encoding"] = "gzip"
    with pytest.raises(DownloadFailed, match="gzip") as caught:
        await download(server.url, tmp_path / "clip.mp4", client=client)
    assert not caught.value.retryable
    assert files(tmp_path) == set()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"<!DOCTYPE html><html><body>Please sign in</body></html>", "HTML"),
        (b'{"detail": "not ready yet"}', "JSON"),
        (b"#EXTM3U\n#EXT-X-VERSION:3\nhttp://169.254.169.254/latest.ts\n", "HLS"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "something else"),
    ],
)
async def test_what_is_no_mp4_is_refused_by_name(
    client: httpx.AsyncClient, server: Server, tmp_path: Path, content: bytes, named: str
) -> None:
    server.site.body = content
    server.site.headers["content-type"] = "video/mp4"
    with pytest.raises(DownloadFailed, match=named) as caught:
        await download(server.url, tmp_path / "clip.mp4", client=client)
    assert not caught.value.retryable
    assert files(tmp_path) == set()


async def test_any_file_is_taken_when_asked_for(
    client: httpx.AsyncClient, server: Server, tmp_path: Path
) -> None:
    server.site.body = b"\x89PNG"
    await download(server.url, tmp_path / "still.png", client=client, expected="any")
    assert (tmp_path / "still.png").read_bytes() == b"\x89PNG"


async def test_empty_body_is_a_failure_worth_another_try(
    client: httpx.AsyncClient, server: Server, tmp_path: Path
) -> None:
    with pytest.raises(DownloadFailed) as caught:
        await download(server.url, tmp_path / "clip.mp4", client=client)
    assert caught.value.retryable
    assert not (tmp_path / "clip.mp4").exists()


@pytest.mark.parametrize(
    ("status", "expired", "retryable"),
    [
        (403, True, False),
        (404, True, False),
        (410, True, False),
        (400, False, False),
        (429, False, True),
        (500, False, True),
        (503, False, True),
    ],
)
async def test_what_a_status_means(
    client: httpx.AsyncClient, server: Server, tmp_path: Path, status: int, expired: bool, retryable: bool
) -> None:
    server.site.status = status
    with pytest.raises(DownloadFailed) as caught:
        await download(server.url + "?token=not-for-logs", tmp_path / "clip.mp4", client=client)
    error = caught.value
    assert (error.status, error.expired, error.retryable) == (status, expired, retryable)
    assert error.stage == "download"
    assert "not-for-logs" not in str(error)


async def test_five_redirects_are_followed_and_six_are_not(
    client: httpx.AsyncClient, server: Server, tmp_path: Path
) -> None:
    server.site.body, server.site.redirects = body(40_000), 5
    await download(server.url, tmp_path / "clip.mp4", client=client)
    assert (tmp_path / "clip.mp4").read_bytes() == server.site.body
    assert len(server.site.seen) == 6
    server.site.redirects = 6
    with pytest.raises(DownloadFailed, match="redirects") as caught:
        await download(server.url, tmp_path / "more.mp4", client=client)
    assert not caught.value.retryable


async def test_each_hop_is_a_request_the_transport_can_refuse(server: Server, tmp_path: Path) -> None:
    class Guard(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.params.get("hop") == "2":
                raise httpx.ConnectError("not there")
            return await super().handle_async_request(request)

    server.site.body, server.site.redirects = body(40_000), 3
    async with httpx.AsyncClient(transport=Guard(), follow_redirects=True) as client:
        with pytest.raises(DownloadFailed, match="ConnectError"):
            await download(server.url, tmp_path / "clip.mp4", client=client)
    assert len(server.site.seen) == 2


NONSENSE = {
    "no status line": b"\xff\xfe nonsense\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    "an endless length": b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n",
    "an endless header": b"HTTP/1.1 200 OK\r\nX-Word: " + b"a" * 200_000 + b"\r\n\r\n",
    "a broken body": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("guarded", [True, False])
@pytest.mark.parametrize("raw", NONSENSE.values(), ids=NONSENSE)
async def test_nonsense_is_worth_another_try_and_shows_no_signature(
    client: httpx.AsyncClient, tmp_path: Path, raw: bytes, guarded: bool
) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as listening:
        base = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        own = httpx.AsyncClient(transport=OutputTransport(base), trust_env=False)
        async with own:
            with pytest.raises(DownloadFailed, match="broke off") as caught:
                await download(
                    f"{base}/clip.mp4?signature=sesame",
                    tmp_path / "clip.mp4",
                    client=own if guarded else client,
                )
    assert caught.value.retryable
    assert not (tmp_path / "clip.mp4").exists()
    links: list[BaseException | None] = [caught.value]
    while (link := links.pop()) is not None:
        assert "sesame" not in f"{link!r} {link} {vars(link)}"
        links += [link.__context__]


@pytest.mark.parametrize("location", ["http://host:port/clip.mp4", "http://[::1/clip.mp4", "http://a\x01b/"])
async def test_a_redirect_to_what_is_no_address(
    client: httpx.AsyncClient, server: Server, tmp_path: Path, location: str
) -> None:
    server.site.redirects, server.site.location = 1, location
    with pytest.raises(DownloadFailed) as caught:
        await download(server.url, tmp_path / "clip.mp4", client=client)
    assert not caught.value.expired


async def test_no_redirect_is_followed_where_none_may_be(
    client: httpx.AsyncClient, server: Server, tmp_path: Path
) -> None:
    server.site.body, server.site.redirects = body(40_000), 1
    with pytest.raises(DownloadFailed) as caught:
        await download(server.url, tmp_path / "clip.mp4", client=client, redirects=0)
    assert (caught.value.status, caught.value.retryable) == (302, False)
    assert len(server.site.seen) == 1


async def test_nobody_listens(client: httpx.AsyncClient, tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed) as caught:
        await download("http://127.0.0.1:9/clip.mp4", tmp_path / "clip.mp4", client=client)
    assert caught.value.retryable
    assert files(tmp_path) == set()


@pytest.mark.parametrize("link", ["http://host:port/clip.mp4", "file:///etc/hostname"])
async def test_link_that_is_none(client: httpx.AsyncClient, tmp_path: Path, link: str) -> None:
    with pytest.raises(DownloadFailed) as caught:
        await download(link, tmp_path / "clip.mp4", client=client)
    assert not caught.value.retryable


async def test_unwritable_place_is_said_plainly(
    client: httpx.AsyncClient, server: Server, tmp_path: Path
) -> None:
    server.site.body = body(40_000)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DownloadFailed, match="could not write") as caught:
        await download(server.url, tmp_path / "file" / "clip.mp4", client=client)
    assert not caught.value.retryable


async def test_canceled_download_keeps_what_it_has(
    client: httpx.AsyncClient, server: Server, tmp_path: Path
) -> None:
    server.site.body = body(6_000_000)
    target = tmp_path / "clip.mp4"
    with anyio.CancelScope() as scope:
        await download(server.url, target, client=client, on_progress=lambda *_: scope.cancel())
    assert scope.cancelled_caught
    assert not target.exists()
    assert (tmp_path / "clip.mp4.part").stat().st_size >= 1_000_000
    await download(server.url, target, client=client)
    assert target.read_bytes() == server.site.body
    assert "range" in server.site.seen[1]
