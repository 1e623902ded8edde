"""What the wire saw, on real sockets: which bytes left, what came back, and what was never sent."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import logging
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import vcr
from aiohttp.abc import AbstractResolver, ResolveResult

from anyvideo.net.scopes import current_call, exchange, free_call, submit_call
from anyvideo.net.transport import MAX_ANSWER, GuardedTransport
from anyvideo.net.wire import NoReply, RefusedByVendor, Scope, Timeouts
from anyvideo.types.errors import PluginError, StaleWrite

from .conftest import RawServer, Seen, answer

pytestmark = pytest.mark.anyio
QUICK = Timeouts(connect=0.5, submit=0.2, free=0.2)


async def nothing(_hash: str) -> None:
    """A `before_send` that has nothing to write."""


def client_for(url: str, **options: object) -> httpx.AsyncClient:
    transport = GuardedTransport(url, **options)  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, trust_env=False, base_url=url)


@pytest.fixture
async def client(server: RawServer) -> AsyncIterator[httpx.AsyncClient]:
    async with client_for(server.url) as made:
        yield made


async def test_a_submit_sends_the_bytes_that_were_written_down(
    server: RawServer, client: httpx.AsyncClient
) -> None:
    written: list[tuple[str, int]] = []

    async def before_send(body_hash: str) -> None:
        written.append((body_hash, len(server.seen)))

    async with submit_call(before_send) as record:
        reply = await exchange(client.post("/make", json={"prompt": "fox"}))
    [request] = server.seen
    assert written == [(hashlib.sha256(request.body).hexdigest(), 0)]
    assert record.body_hash == written[0][0]
    assert record.left
    assert reply.status == 200
    assert record.reply is reply


async def test_a_large_body_arrives_whole(server: RawServer, client: httpx.AsyncClient) -> None:
    body = bytes(range(256)) * 12_345
    async with submit_call(nothing) as record:
        await exchange(client.post("/make", content=body))
    [request] = server.seen
    assert request.body == body
    assert request.headers["content-length"] == str(len(body))
    assert record.body_hash == hashlib.sha256(body).hexdigest()


async def test_a_connection_dropped_after_the_whole_post_has_left(
    server: RawServer, client: httpx.AsyncClient
) -> None:
    async def drop(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server.reply = drop
    async with submit_call(nothing) as record:
        with pytest.raises(NoReply) as lost:
            await exchange(client.post("/make", json={"prompt": "fox"}))
    assert json.loads(server.seen[0].body) == {"prompt": "fox"}
    assert lost.value.left
    assert record.left
    assert record.reply is None
    assert record.problem == "ServerDisconnectedError after sending"


async def test_a_refused_connection_has_not_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with client_for(f"http://127.0.0.1:{port}") as client, submit_call(nothing) as record:
        with pytest.raises(NoReply) as lost:
            await exchange(client.post("/make", json={}))
    assert not lost.value.left
    assert not record.left
    assert record.problem == "ClientConnectorError before sending"


class NoNames(AbstractResolver):
    """A resolver for which no name exists."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def close(self) -> None:
        pass


async def test_a_name_that_does_not_resolve_has_not_left() -> None:
    async with (
        client_for("http://vendor.invalid", resolver=NoNames()) as client,
        submit_call(nothing) as record,
    ):
        with pytest.raises(NoReply) as lost:
            await exchange(client.post("/make", json={}))
    assert not lost.value.left
    assert record.problem == "ClientConnectorDNSError before sending"


async def test_tls_to_a_port_without_it_has_not_left(server: RawServer) -> None:
    async with (
        client_for(f"https://127.0.0.1:{server.port}", timeouts=QUICK) as client,
        submit_call(nothing) as record,
    ):
        with pytest.raises(NoReply) as lost:
            await exchange(client.post("/make", json={}))
    assert not lost.value.left
    assert server.seen == []
    assert record.problem is not None
    assert record.problem.endswith("before sending")


async def test_a_submit_never_meets_a_stale_connection(server: RawServer, client: httpx.AsyncClient) -> None:
    async with free_call():
        await exchange(client.get("/status"))
    await server.hang_up()
    async with submit_call(nothing) as record:
        await exchange(client.post("/make", json={}))
        assert record.left
    async with submit_call(nothing):
        await exchange(client.post("/make", json={}))
    assert [request.connection for request in server.seen] == [1, 2, 3]
    assert server.seen[1].headers["connection"] == "close"


async def test_free_calls_share_a_connection(server: RawServer, client: httpx.AsyncClient) -> None:
    for _ in range(3):
        async with free_call():
            await exchange(client.get("/status"))
    assert server.connections == 1


async def test_what_the_lease_forbids_is_not_sent(server: RawServer, client: httpx.AsyncClient) -> None:
    async def taken(_hash: str) -> None:
        raise StaleWrite("another process drives this job")

    async with submit_call(taken) as record:
        with pytest.raises(StaleWrite):
            await exchange(client.post("/make", json={}))
    assert not record.left
    assert server.connections == 0


async def test_the_second_post_of_a_submit_is_refused(server: RawServer, client: httpx.AsyncClient) -> None:
    async with submit_call(nothing) as record:
        await exchange(client.post("/make", json={}))
        with pytest.raises(NoReply) as refused:
            await exchange(client.post("/make", json={}))
    assert refused.value.left, "the first one did leave, so nobody may call this unsent"
    assert len(server.seen) == 1
    assert record.posts == 2


async def test_two_posts_at_once_are_one(server: RawServer, client: httpx.AsyncClient) -> None:
    async with submit_call(nothing):
        both = await asyncio.gather(
            client.post("/make", json={}), client.put("/make", json={}), return_exceptions=True
        )
    assert len(server.seen) == 1
    assert sum(isinstance(result, PluginError) for result in both) == 1


async def test_a_retry_inside_the_sdk_sends_nothing(server: RawServer, client: httpx.AsyncClient) -> None:
    async def drop(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def stubborn() -> None:
        for _ in range(3):
            try:
                await client.post("/make", json={})
            except httpx.TransportError:
                continue

    server.reply = drop
    async with submit_call(nothing) as record:
        with pytest.raises(NoReply) as lost:
            await exchange(stubborn())
    assert len(server.seen) == 1
    assert lost.value.left
    assert record.problem == "ServerDisconnectedError after sending"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_nothing_is_sent_outside_a_scope(
    server: RawServer, client: httpx.AsyncClient, method: str
) -> None:
    with pytest.raises(PluginError, match="scope"):
        await client.request(method, "/make")
    assert server.connections == 0


async def test_a_task_that_outlives_its_scope_cannot_send(
    server: RawServer, client: httpx.AsyncClient
) -> None:
    ended = asyncio.Event()

    async def late() -> httpx.Response:
        await ended.wait()
        return await client.post("/make", json={})

    async with free_call():
        task = asyncio.create_task(late())
        await asyncio.sleep(0)
    ended.set()
    with pytest.raises(PluginError, match="scope"):
        await task
    assert server.connections == 0


async def test_the_key_stays_on_its_origin(server: RawServer, client: httpx.AsyncClient) -> None:
    elsewhere = f"http://localhost:{server.port}/make"
    async with free_call():
        with pytest.raises(PluginError, match="origin"):
            await exchange(client.get(elsewhere, headers={"authorization": "Bearer secret"}))
    async with submit_call(nothing):
        with pytest.raises(PluginError, match="origin"):
            await exchange(client.post(elsewhere, json={}))
    assert server.connections == 0


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_an_answer_and_not_a_way(
    server: RawServer, client: httpx.AsyncClient, status: int
) -> None:
    async def away(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(status, b"", location=f"{server.url}/other"))

    server.reply = away
    async with submit_call(nothing):
        with pytest.raises(RefusedByVendor) as refused:
            await exchange(client.post("/make", json={}, follow_redirects=True))
    assert refused.value.reply.status == status
    assert [request.path for request in server.seen] == ["/make"]


@pytest.mark.parametrize("scope", list(Scope))
async def test_an_sdk_without_timeouts_waits_only_as_long_as_we_say(server: RawServer, scope: Scope) -> None:
    async def silent(_: Seen, __: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    server.reply = silent
    async with client_for(server.url, timeouts=QUICK) as client:
        began = time.monotonic()
        async with submit_call(nothing) if scope is Scope.SUBMIT else free_call():
            with pytest.raises(NoReply) as lost:
                await exchange(client.post("/make", json={}, timeout=None))
    assert time.monotonic() - began < 20, "the silence lasts for 30 s"
    assert lost.value.left


async def test_an_answer_that_drips_is_cut_off(server: RawServer) -> None:
    async def drip(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)

    server.reply = drip
    async with client_for(server.url, timeouts=QUICK) as client:
        began = time.monotonic()
        async with free_call() as record:
            reply = await exchange(client.get("/status"))
    assert 0.5 < time.monotonic() - began < 60, "the drip lasts for more than an hour"
    assert reply.status == 200
    assert not reply.readable
    assert record.problem == "TimeoutError while reading the answer"


async def test_an_answer_cut_in_the_middle_keeps_its_status(
    server: RawServer, client: httpx.AsyncClient
) -> None:
    async def half(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(201, b'{"id": "job', content_length="400"))
        writer.close()

    server.reply = half
    async with submit_call(nothing) as record:
        reply = await exchange(client.post("/make", json={}))
    assert (reply.status, reply.body, reply.readable) == (201, None, False)
    assert record.left


@pytest.mark.parametrize(
    ("body", "read", "readable"),
    [
        (b'{"id": "a", "new": [1, null]}', {"id": "a", "new": [1, None]}, True),
        (b'{"progress": NaN, "left": Infinity}', {"progress": None, "left": None}, True),
        (b"[]", [], True),
        (b"", None, True),
        (b'{"id": "a"', '{"id": "a"', False),
        (b"<html>welcome</html>", "<html>welcome</html>", False),
        (b"\xff\xfe", "��", False),
        (b"[" * 100_000, "[" * 100_000, False),
    ],
)
async def test_a_body_is_read_or_called_unreadable(
    server: RawServer, client: httpx.AsyncClient, body: bytes, read: object, readable: bool
) -> None:
    async def say(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(200, body))

    server.reply = say
    async with free_call():
        reply = await exchange(client.get("/status"))
    assert (reply.body, reply.readable) == (read, readable)


async def test_an_answer_without_end_is_not_swallowed(server: RawServer, client: httpx.AsyncClient) -> None:
    async def endless(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x" * 65536)
            await writer.drain()

    server.reply = endless
    async with free_call() as record:
        reply = await exchange(client.get("/status"))
    assert not reply.readable
    assert record.problem == "answer larger than what is read"


async def test_a_compressed_bomb_is_not_swallowed(server: RawServer, client: httpx.AsyncClient) -> None:
    async def bomb(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(200, gzip.compress(b"0" * (MAX_ANSWER + 1)), content_encoding="gzip"))

    server.reply = bomb
    async with free_call():
        reply = await exchange(client.get("/status"))
    assert (reply.body, reply.readable) == (None, False)
    assert server.seen[0].headers["accept-encoding"] == "identity"


async def test_a_compressed_answer_is_understood(server: RawServer, client: httpx.AsyncClient) -> None:
    async def squeezed(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(200, gzip.compress(b'{"id": "a"}'), content_encoding="gzip"))

    server.reply = squeezed
    async with free_call():
        reply = await exchange(client.get("/status"))
        response = await client.get("/status")
    assert reply.body == {"id": "a"}
    assert response.json() == {"id": "a"}, "the SDK gets the same"


async def test_a_refusal_carries_what_the_vendor_said(server: RawServer, client: httpx.AsyncClient) -> None:
    async def no(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(429, b'{"detail": "slow"}', Retry_After="7"))

    server.reply = no
    async with free_call():
        with pytest.raises(RefusedByVendor) as refused:
            await exchange(client.get("/status?key=secret"))
    reply = refused.value.reply
    assert (reply.status, reply.body, reply.headers["retry-after"]) == (429, {"detail": "slow"}, "7")
    assert reply.url == f"{server.url}/status"
    assert "secret" not in repr(reply) + str(refused.value)


async def test_cookies_are_not_kept(server: RawServer) -> None:
    async def bake(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(200, b"{}", set_cookie="session=1"))

    server.reply = bake
    async with client_for(f"http://localhost:{server.port}") as client, free_call() as record:
        await exchange(client.get("/status"))
        await exchange(client.get("/status"))
    assert "cookie" not in server.seen[1].headers
    assert "set-cookie" not in record.replies[0].headers


async def test_reading_during_a_submit_is_not_the_submit(
    server: RawServer, client: httpx.AsyncClient
) -> None:
    async def taken(_hash: str) -> None:
        raise StaleWrite("another process drives this job")

    async with submit_call(taken) as record:
        await exchange(client.get("/model"))
        with pytest.raises(StaleWrite):
            await exchange(client.post("/make", json={}))
    assert not record.left
    assert [request.method for request in server.seen] == ["GET"]


async def test_cancellation_passes_through_and_the_record_remembers(
    server: RawServer, client: httpx.AsyncClient
) -> None:
    arrived = asyncio.Event()

    async def silent(_: Seen, __: asyncio.StreamWriter) -> None:
        arrived.set()
        await asyncio.sleep(30)

    async def submit() -> None:
        async with submit_call(nothing) as record:
            try:
                await exchange(client.post("/make", json={}))
            finally:
                left.append(record.left)

    left: list[bool] = []
    server.reply = silent
    task = asyncio.create_task(submit())
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert left == [True]


async def test_calls_at_once_have_records_of_their_own(server: RawServer, client: httpx.AsyncClient) -> None:
    async def echo(request: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(200, json.dumps({"path": request.path}).encode()))

    async def one(number: int) -> tuple[object, int]:
        async with free_call() as record:
            reply = await exchange(client.get(f"/{number}"))
            assert current_call() is record
            return reply.body, len(record.replies)

    server.reply = echo
    results = await asyncio.gather(*(one(number) for number in range(50)))
    assert results == [({"path": f"/{number}"}, 1) for number in range(50)]
    assert current_call() is None


async def test_a_call_that_sends_nothing_has_not_left(server: RawServer) -> None:
    async def broken() -> None:
        raise TypeError("create() got an unexpected keyword argument")

    async with submit_call(nothing):
        with pytest.raises(NoReply) as lost:
            await exchange(broken())
    assert not lost.value.left
    assert lost.value.problem == "TypeError before sending"
    assert isinstance(lost.value.__cause__, TypeError)
    assert server.connections == 0


async def test_an_sdk_that_chokes_on_the_answer_does_not_matter(
    server: RawServer, client: httpx.AsyncClient
) -> None:
    async def choke() -> None:
        await client.post("/make", json={})
        raise ValueError("unexpected value; permitted: 'starting'")

    async with submit_call(nothing):
        assert (await exchange(choke())).status == 200


async def test_a_replayed_cassette_counts_as_left(
    server: RawServer, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    cassette = str(tmp_path / "cassette.yaml")
    with vcr.use_cassette(cassette, record_mode="once"):
        async with submit_call(nothing) as record:
            first = await exchange(client.post("/make", json={}))
        assert record.left
    with vcr.use_cassette(cassette, record_mode="none"):
        async with submit_call(nothing) as record:
            again = await exchange(client.post("/make", json={}))
        assert record.left
        async with free_call():
            with pytest.raises(NoReply):
                await exchange(client.get("/not-recorded"))
    assert again == first
    assert len(server.seen) == 1


async def test_nothing_secret_is_logged(
    server: RawServer, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with free_call() as record:
        await exchange(client.get("/status", headers={"authorization": "Bearer sesame"}))
    assert server.seen[0].headers["authorization"] == "Bearer sesame"
    assert "sesame" not in caplog.text + repr(record)
