"""Private storage, transfer and fallback of pictures, with the storage on loopback and fakes as vendors."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import io
import json
import logging
import threading
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import anyio
import pytest
from PIL import Image as Picture

import anyvideo.client.pictures as pictures_module
import anyvideo.net.storage as storage_module
from anyvideo import (
    AllModelsFailed,
    AsyncClient,
    Event,
    EventKind,
    Image,
    InvalidRequest,
    NoModelFits,
    Plugins,
    load_settings,
)
from anyvideo.provider import GenerationFailed, MediaRules, ServiceError
from anyvideo.testing.clock import VirtualClock
from anyvideo.testing.fakes import FakeProvider, _Backend

from .conftest import House

pytestmark = pytest.mark.anyio

SECRET = "wJalrXUtnFEMI-invented"
SERVICE_KEY = "service-key-invented"
TOKEN = "eyJhbGciOi.invented.token"


def png(color: str = "teal", side: int = 48) -> bytes:
    content = io.BytesIO()
    Picture.new("RGB", (side, side), color).save(content, "PNG")
    return content.getvalue()


@dataclass
class Storage:
    """A loopback server with objects by path; the first `fails` requests get 503.

    The first `spoiled` answers are what `raw` says and then, where `stays`, nothing or one byte now and then.
    """

    port: int = 0
    objects: dict[str, bytes] = field(default_factory=dict)
    fails: int = 0
    redirect: str | None = None
    code: int = 302
    raw: bytes = b""
    spoiled: int = 0
    stays: Literal["silent", "drips"] | None = None
    over: threading.Event = field(default_factory=threading.Event)
    signs: bool = True
    asked: list[tuple[str, dict[str, str], object]] = field(default_factory=list)
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def storage() -> Iterator[Storage]:
    kept = Storage()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kept.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            if kept.spoiled:
                kept.spoiled -= 1
                self._spoil()
                return
            content = kept.objects.get(self.path.partition("?")[0])
            status = 200 if content is not None else 404
            if kept.fails:
                kept.fails -= 1
                status, content = 503, b""
            if kept.redirect is not None:
                status, content = kept.code, b""
            self.send_response(status)
            if kept.redirect is not None:
                self.send_header("Location", kept.redirect)
            self.send_header("Content-Length", str(len(content or b"")))
            self.send_header("Last-Modified", "Sat, 21 Nov 2026 00:00:00 GMT")
            self.send_header("ETag", '"one"')
            self.end_headers()
            self.wfile.write(content or b"")

        def _spoil(self) -> None:
            self.wfile.write(kept.raw)
            with contextlib.suppress(OSError):
                while kept.stays and not kept.over.wait(0.02 if kept.stays == "drips" else 10):
                    self.wfile.write(b"a")

        def do_POST(self) -> None:
            """Supabase's signing of an object, as its own clients ask for it."""
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            headers = {name.lower(): value for name, value in self.headers.items()}
            kept.asked.append((self.path, headers, body))
            name = self.path.removeprefix("/storage/v1")
            status = 503 if kept.fails else 200 if kept.signs else 400
            kept.fails -= bool(kept.fails)
            told = {"signedURL": f"{name}?token={TOKEN}"} if status == 200 else {"error": "not_found"}
            content = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield kept
    kept.over.set()
    server.shutdown()
    server.server_close()
    thread.join(10)


@dataclass
class Desk:
    """A client on a fake vendor, with the storage's variables set."""

    folder: Path
    storage: Storage
    fake: FakeProvider = field(default_factory=lambda: FakeProvider("fake"))
    events: list[Event] = field(default_factory=list)

    plugins: Plugins | None = None

    def client(self, toml: str = "", **environ: str) -> AsyncClient:
        (self.folder / "anyvideo.toml").write_text(toml)
        known = {
            "AWS_ACCESS_KEY_ID": "AKIDINVENTED",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL": self.storage.url,
            "AWS_REGION": "eu-central-1",
            "SUPABASE_URL": self.storage.url,
            "SUPABASE_SERVICE_KEY": SERVICE_KEY,
            "ANYVIDEO_MODELS": "fake",
        }
        settings = load_settings(environ={**known, **environ}, folder=self.folder)
        return AsyncClient(
            store=self.folder / "jobs.db",
            settings=settings,
            plugins=self.plugins or Plugins.of(self.fake.plugin()),
            clock=VirtualClock(),
            on_event=self.events.append,
        )

    def sent(self) -> str:
        """What the last order said of the picture."""
        return self.fake.orders[-1].media["image"]


@pytest.fixture
def desk(tmp_path: Path, storage: Storage) -> Desk:
    return Desk(folder=tmp_path, storage=storage)


def as_data_uri(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


async def test_an_s3_object_reaches_the_vendor_as_content(desk: Desk) -> None:
    desk.storage.objects["/scenes/act%201/lake.png"] = png()
    async with desk.client() as client:
        await client.generate("a lake", image="s3://scenes/act 1/lake.png")
    assert desk.sent() == as_data_uri(png())
    [(path, headers)] = desk.storage.seen
    assert path.startswith("/scenes/act%201/lake.png?")
    assert signature_holds(path, headers["host"])
    assert SECRET not in str((path, headers))


ODD = ["a+b (1)/é~'!*.png", "a&b=c/100%25.png", "a b;c,d@e:f$g.png"]


@pytest.mark.parametrize("key", ODD)
async def test_any_name_of_an_s3_object_is_signed_as_it_is_sent(desk: Desk, key: str) -> None:
    async with desk.client(AWS_SESSION_TOKEN="a+b/c=") as client:
        with pytest.raises(InvalidRequest, match="no object"):
            await client.submit("a lake", image=f"s3://scenes/{key}")
    [(path, headers)] = desk.storage.seen
    assert unquote(path.partition("?")[0]) == f"/scenes/{key}"
    assert signature_holds(path, headers["host"])


@pytest.mark.parametrize("name", ODD)
async def test_any_name_of_a_supabase_object_is_asked_for(desk: Desk, name: str) -> None:
    async with desk.client() as client:
        with pytest.raises(InvalidRequest, match="no object"):
            await client.submit("a lake", image=f"supabase://scenes/{name}")
    [(path, _)] = desk.storage.seen
    assert unquote(path) == f"/storage/v1/object/authenticated/scenes/{unquote(name)}"


def signature_holds(path: str, host: str) -> bool:
    """What S3 itself computes of a signed address (Signature Version 4, query parameters)."""
    parts = urlsplit(path)
    said = dict(parse_qsl(parts.query))
    signature = said.pop("X-Amz-Signature")
    scope = said["X-Amz-Credential"].partition("/")[2]
    query = "&".join(f"{quote(name, safe='')}={quote(said[name], safe='')}" for name in sorted(said))
    asked = ["GET", quote(unquote(parts.path)), query, f"host:{host}", "", "host", "UNSIGNED-PAYLOAD"]
    digest = hashlib.sha256("\n".join(asked).encode()).hexdigest()
    key = f"AWS4{SECRET}".encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    text = "\n".join(["AWS4-HMAC-SHA256", said["X-Amz-Date"], scope, digest])
    return hmac.digest(key, text.encode(), "sha256").hex() == signature


@pytest.mark.parametrize(
    "address",
    [
        "supabase://scenes/lake 1.png",
        "{url}/storage/v1/object/authenticated/scenes/lake%201.png",
        "{url}/storage/v1/object/scenes/lake%201.png",
    ],
)
async def test_a_private_supabase_object_reaches_the_vendor_as_content(desk: Desk, address: str) -> None:
    desk.storage.objects["/storage/v1/object/authenticated/scenes/lake%201.png"] = png()
    async with desk.client() as client:
        await client.generate("a lake", image=address.format(url=desk.storage.url))
    assert desk.sent() == as_data_uri(png())
    [(_, headers)] = desk.storage.seen
    assert headers["authorization"] == f"Bearer {SERVICE_KEY}"
    assert headers["apikey"] == SERVICE_KEY


async def test_public_and_signed_supabase_addresses_are_passed_on(desk: Desk) -> None:
    address = "https://abc.supabase.co/storage/v1/object/sign/scenes/lake.png?token=t"
    async with desk.client(SUPABASE_URL="https://abc.supabase.co") as client:
        await client.generate("a lake", image=address)
    assert desk.sent() == address
    assert desk.storage.seen == []


async def test_the_storage_key_follows_no_redirect(desk: Desk) -> None:
    foreign = Storage()
    desk.storage.redirect = f"http://localhost:{desk.storage.port}/elsewhere"
    async with desk.client() as client:
        with pytest.raises(InvalidRequest, match="away from your own storage"):
            await client.submit("a lake", image="supabase://scenes/lake.png")
    assert len(desk.storage.seen) == 1
    assert foreign.seen == []


ELSEWHERE = ["https://elsewhere.example/lake.png", "http://127.0.0.1:9/lake.png", "/scenes/owl.png"]


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("address", ELSEWHERE)
async def test_no_redirect_of_an_s3_storage_is_followed(desk: Desk, code: int, address: str) -> None:
    """Whoever answers for the storage gets no picture of its choice, and nobody else the session's token."""
    desk.storage.objects["/scenes/owl.png"] = png()
    desk.storage.redirect, desk.storage.code = address, code
    async with desk.client(AWS_SESSION_TOKEN=TOKEN) as client:
        with pytest.raises(InvalidRequest, match="elsewhere") as caught:
            await client.submit("a lake", image="s3://scenes/lake.png")
    assert caught.value.field == "image"
    assert "AWS_REGION" in str(caught.value)
    assert len(desk.storage.seen) == 1
    assert desk.fake.orders == []


PRIVATE = ["s3://scenes/lake.png", "supabase://scenes/lake.png"]
NONSENSE = {
    "no status line": b"\xff\xfe nonsense\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    "an endless length": b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n",
    "an endless header": b"HTTP/1.1 200 OK\r\nX-Word: " + b"a" * 100_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("address", PRIVATE)
@pytest.mark.parametrize("raw", NONSENSE.values(), ids=NONSENSE)
async def test_a_storage_that_talks_nonsense_is_asked_three_times(
    desk: Desk, raw: bytes, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    desk.storage.objects["/scenes/lake.png"] = png()
    desk.storage.objects["/storage/v1/object/authenticated/scenes/lake.png"] = png()
    desk.storage.raw, desk.storage.spoiled = raw, 2
    async with desk.client(AWS_SESSION_TOKEN=TOKEN) as client:
        await client.generate("a lake", image=address)
        assert len(desk.storage.seen) == 3
        desk.storage.spoiled = 3
        with pytest.raises(InvalidRequest, match="cannot be read") as caught:
            await client.submit("a lake", image=address)
        desk.storage.spoiled = 3
        video = await client.generate("a lake", image=address, image_fallback="text")
    assert any(note.field == "image" and note.given is None for note in video.adjustments)
    told = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert not any(secret in told for secret in ("X-Amz-", TOKEN, SERVICE_KEY, SECRET))


@pytest.mark.parametrize("address", PRIVATE)
@pytest.mark.parametrize("stays", ["silent", "drips"])
async def test_the_callers_timeout_covers_the_reading_of_a_picture(
    desk: Desk, address: str, stays: Literal["silent", "drips"]
) -> None:
    desk.storage.raw, desk.storage.spoiled = b"HTTP/1.1 200 OK\r\n\r\n", 9
    desk.storage.stays = stays
    async with desk.client() as client:
        with anyio.fail_after(10), pytest.raises(InvalidRequest, match="nothing was bought") as caught:
            await client.generate("a lake", image=address, timeout=0.3, image_fallback="text")
    assert caught.value.field == "timeout"
    assert desk.fake.orders == []


async def test_a_picture_that_never_ends_is_given_up_and_the_text_goes_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures_module, "WITHIN", 0.3)
    desk.storage.raw, desk.storage.spoiled, desk.storage.stays = b"HTTP/1.1 200 OK\r\n\r\n", 9, "drips"
    async with desk.client() as client:
        with anyio.fail_after(10):
            with pytest.raises(InvalidRequest, match="cannot be read: it was not here after") as caught:
                await client.submit("a lake", image="s3://scenes/lake.png")
            await client.generate("a lake", image="s3://scenes/lake.png", timeout=60, image_fallback="text")
    assert caught.value.field == "image"
    assert [order.media for order in desk.fake.orders] == [{}]


@pytest.mark.parametrize("address", ["s3://scenes/lake.png", "supabase://scenes/lake.png"])
async def test_a_hiccup_of_the_storage_is_tried_three_times(desk: Desk, address: str) -> None:
    desk.storage.objects["/scenes/lake.png"] = png()
    desk.storage.objects["/storage/v1/object/authenticated/scenes/lake.png"] = png()
    desk.storage.fails = 2
    async with desk.client() as client:
        await client.generate("a lake", image=address)
        assert len(desk.storage.seen) == 3
        desk.storage.fails = 3
        with pytest.raises(InvalidRequest, match="cannot be read") as caught:
            await client.submit("a lake", image=address)
    assert caught.value.field == "image"
    assert len(desk.storage.seen) == 6
    assert len(desk.fake.orders) == 1


async def test_without_its_variables_storage_says_what_to_set(desk: Desk) -> None:
    async with desk.client(AWS_ACCESS_KEY_ID="", SUPABASE_SERVICE_KEY="") as client:
        with pytest.raises(InvalidRequest, match="AWS_ACCESS_KEY_ID"):
            await client.submit("a lake", image="s3://scenes/lake.png")
        with pytest.raises(InvalidRequest, match="SUPABASE_SERVICE_KEY"):
            await client.submit("a lake", image="supabase://scenes/lake.png")
    assert desk.storage.seen == []


@pytest.mark.parametrize(
    ("address", "named"),
    [("s3://scenes/lake.png", "AWS_SECRET_ACCESS_KEY"), ("supabase://scenes/a.png", "SUPABASE_SERVICE_KEY")],
)
async def test_what_storage_lacks_is_known_before_anything_is_bought(
    desk: Desk, address: str, named: str
) -> None:
    clips = [{"prompt": "an owl"}, {"prompt": "a hare"}, {"prompt": "a lake", "image": address}]
    async with desk.client(AWS_SECRET_ACCESS_KEY="", SUPABASE_SERVICE_KEY="") as client:
        with pytest.raises(InvalidRequest, match=named) as planned:
            await client.plan("a lake", image=address)
        with pytest.raises(InvalidRequest, match=f"clip 2.*{named}"):
            await client.batch(clips)
    assert planned.value.field == "image"
    assert desk.fake.orders == []


@pytest.mark.parametrize(
    "address",
    [
        "s3://scenes",
        "s3://scenes/",
        "s3://scenes/../a.png",
        "s3://scenes/act//a.png",
        "supabase://scenes",
        "supabase://scenes/../a.png",
    ],
)
async def test_an_address_that_names_no_object_is_refused_by_the_plan(desk: Desk, address: str) -> None:
    async with desk.client() as client:
        with pytest.raises(InvalidRequest, match=r"looks like|needs a host"):
            await client.plan("a lake", image=address)


OUTSIDE = [
    "scenes/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/rest/v1/rpc/delete_all",
    "scenes/.%2E/owls/lake.png",
    "scenes/%2e/lake.png",
    "scenes/%252e%252e/%252e%252e/lake.png",
    "scenes/%25252525252e%25252525252e/lake.png",
    "scenes/..%2f..%2frest/v1/lake.png",
    "scenes/..%5c..%5clake.png",
    "scenes/..\\lake.png",
    "scenes/a%5cb.png",
    "scenes/lake.png%00",
    "scenes/lake%250d%250a.png",
    "scenes/a\x07b.png",
    "scenes/\ud800.png",
    "scenes//lake.png",
    "scenes/act 1/",
    "%2e%2e/lake.png",
    "../lake.png",
    "/lake.png",
]
"""Names that lead out of their bucket, or may where somebody on the way decodes or cleans a path."""


@pytest.mark.parametrize("name", OUTSIDE, ids=ascii)
@pytest.mark.parametrize(
    "place",
    [
        "supabase://",
        "s3://",
        "{url}/storage/v1/object/",
        "{url}/storage/v1/object/authenticated/",
    ],
)
async def test_no_address_of_an_object_leads_a_key_out_of_its_bucket(
    desk: Desk, place: str, name: str
) -> None:
    address = place.format(url=desk.storage.url) + name
    async with desk.client() as client:
        with pytest.raises(InvalidRequest) as planned:
            await client.plan("a lake", image=address)
        with pytest.raises(InvalidRequest) as bought:
            await client.generate("a lake", image=address)
        with pytest.raises(InvalidRequest) as referred:
            await client.submit("a lake", reference_images={"fox": address})
    assert (planned.value.field, bought.value.field) == ("image", "image")
    assert referred.value.field == "reference_images"
    assert (desk.storage.seen, desk.storage.asked, desk.fake.orders) == ([], [], [])


@pytest.mark.parametrize("name", ["scenes/a%2fb.png", "scenes/a%252fb.png", "scenes%2fact/lake.png"])
async def test_a_slash_in_a_name_is_none_of_supabase(desk: Desk, name: str) -> None:
    async with desk.client() as client:
        with pytest.raises(InvalidRequest, match="looks like"):
            await client.plan("a lake", image=f"supabase://{name}")


@pytest.mark.parametrize("bucket", ["a?b", "a#b", "%2e", "a%2fb"])
async def test_a_bucket_that_another_would_be_read_for_is_refused(desk: Desk, bucket: str) -> None:
    async with desk.client() as client:
        with pytest.raises(InvalidRequest) as caught:
            await client.submit("a lake", image=f"s3://{bucket}/lake.png")
    assert caught.value.field == "image"
    assert desk.storage.seen == []


async def test_an_address_too_long_for_any_storage_is_refused_by_the_plan(desk: Desk) -> None:
    async with desk.client() as client:
        with pytest.raises(InvalidRequest) as caught:
            await client.plan("a lake", image=f"supabase://scenes/{'a' * 70_000}.png")
    assert caught.value.field == "image"


NAMES = {
    "act 1/lake 2.png": "act%201/lake%202.png",
    "日本/é.png": "%E6%97%A5%E6%9C%AC/%C3%A9.png",
    "a+b.png": "a%2Bb.png",
    "100%.png": "100%25.png",
    "50% off.png": "50%25%20off.png",
    "a..b.png": "a..b.png",
    "..a/b..": "..a/b..",
    ".../....png": ".../....png",
    "what?/#1.png": "what%3F/%231.png",
}
"""Names of objects, and how they stand in the path of an address."""


@pytest.mark.parametrize(("name", "quoted"), NAMES.items())
@pytest.mark.parametrize("place", ["supabase://{}", "{url}/storage/v1/object/{}", "s3://{}"])
async def test_every_plain_name_is_asked_for_as_it_is(desk: Desk, place: str, name: str, quoted: str) -> None:
    desk.storage.objects |= dict.fromkeys(
        (f"/scenes/{quoted}", f"/storage/v1/object/authenticated/scenes/{quoted}"), png()
    )
    told = f"scenes/{quoted if 'object' in place else name}"
    async with desk.client() as client:
        await client.generate("a lake", image=place.format(told, url=desk.storage.url))
    assert desk.sent() == as_data_uri(png())
    assert len(desk.storage.seen) == 1


@pytest.mark.parametrize("name", ["a%2Fb.png", "100%25.png", "https%3A%2F%2Fhost.example%2Flake.png"])
async def test_a_percent_sign_in_an_s3_key_stands_for_itself(desk: Desk, name: str) -> None:
    desk.storage.objects[f"/scenes/{quote(name)}"] = png()
    async with desk.client() as client:
        await client.generate("a lake", image=f"s3://scenes/{name}")
    assert desk.sent() == as_data_uri(png())


async def test_a_missing_object_is_the_callers_error_and_the_text_goes_on_where_allowed(desk: Desk) -> None:
    async with desk.client() as client:
        with pytest.raises(InvalidRequest, match="no object"):
            await client.submit("a lake", image="s3://scenes/none.png")
        video = await client.generate("a lake", image="s3://scenes/none.png", image_fallback="text")
    [order] = desk.fake.orders
    assert order.media == {}
    [note] = [one for one in video.adjustments if one.field == "image"]
    assert note.given is None
    assert "no object" in note.reason
    [told] = [event for event in desk.events if event.kind is EventKind.IMAGE_DROPPED]
    assert told.message is not None
    assert "no object" in told.message


async def test_without_a_prompt_there_is_nothing_to_fall_back_to(desk: Desk) -> None:
    async with desk.client() as client:
        with pytest.raises(InvalidRequest, match="no object"):
            await client.submit(image="s3://scenes/none.png", image_fallback="text")
    assert desk.fake.orders == []


@pytest.mark.parametrize("transfer", ["auto", "url", "upload"])
@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:{port}/lake.png",
        "https://localhost:{port}/lake.png",
        "https://169.254.169.254/a.png",
        "https://[::1]/a.png",
        "https://10.0.0.7/a.png",
        "http://pictures.example/a.png",
        "https://2130706433/a.png",
    ],
)
async def test_an_address_that_nobody_else_can_fetch_is_refused_before_it_costs(
    desk: Desk, transfer: Literal["auto", "url", "upload"], address: str
) -> None:
    address = address.format(port=desk.storage.port)
    async with desk.client() as client:
        with pytest.raises(InvalidRequest, match="cannot be fetched from outside") as planned:
            await client.plan("a lake", image=address)
        with pytest.raises(InvalidRequest, match="cannot be fetched from outside") as bought:
            await client.submit("a lake", image=address, image_transfer=transfer)
        with pytest.raises(InvalidRequest, match="cannot be fetched from outside"):
            await client.submit("a lake", reference_images={"Ann": address})
    assert planned.value.field == bought.value.field == "image"
    assert desk.storage.seen == []
    assert desk.fake.orders == []


@pytest.mark.parametrize("address", ["https://pictures.example:9443/a.png", "HTTPS://Pictures.Example/a.png"])
async def test_public_addresses_go_to_the_vendor_as_they_are(desk: Desk, address: str) -> None:
    async with desk.client() as client:
        await client.generate("a lake", image=address)
    assert desk.sent() == address


async def test_an_address_that_is_to_be_uploaded_is_fetched_under_the_guard(desk: Desk) -> None:
    """Its port is no web server's: the vendor may try it, this machine does not."""
    async with desk.client('image_transfer = "upload"') as client:
        with pytest.raises(InvalidRequest, match="not fetched"):
            await client.submit("a lake", image="https://pictures.example:22/a.png")


async def test_content_is_no_address(desk: Desk) -> None:
    async with desk.client() as client:
        with pytest.raises(InvalidRequest, match="public address") as caught:
            await client.submit("a lake", image=png(), image_transfer="url")
        assert caught.value.field == "image_transfer"
        with pytest.raises(InvalidRequest, match="one of: auto, upload, url"):
            await client.submit("a lake", image=png(), image_transfer="post")  # type: ignore[arg-type]


async def test_what_was_fetched_is_checked_against_the_models_rule_before_sending(desk: Desk) -> None:
    desk.storage.objects["/scenes/lake.png"] = png() + bytes(80 * 1024 * 1024)
    async with desk.client() as client:
        with pytest.raises(NoModelFits, match="at most"):
            await client.submit("a lake", image="s3://scenes/lake.png")
    assert desk.fake.orders == []


async def test_reference_images_ride_in_the_metadata(desk: Desk) -> None:
    desk.storage.objects["/cast/fox.png"] = png("orange")
    references = {"fox": "s3://cast/fox.png", "owl": "https://host.example/owl.png"}
    async with desk.client() as client:
        job = await client.submit("both meet", reference_images=references, metadata={"scene": "4"})
        await client.wait(job)
    assert job.metadata["scene"] == "4"
    assert job.metadata["reference_image.owl"] == "https://host.example/owl.png"
    kept = job.metadata["reference_image.fox"]
    assert await anyio.Path(kept).read_bytes() == png("orange")
    assert "reference_images" in [note.field for note in job.attempts[0].fit.adjustments]


async def test_a_reference_that_cannot_be_read_is_an_error_and_takes_no_picture_away(desk: Desk) -> None:
    async with desk.client('image_fallback = "text"') as client:
        for missing in ("nowhere.png", "s3://cast/none.png"):
            with pytest.raises(InvalidRequest) as caught:
                await client.submit("both meet", image=png(), reference_images={"fox": missing})
            assert caught.value.field == "reference_images"
            assert caught.value.message.startswith("fox: ")
    assert desk.fake.orders == []


async def test_an_earlier_clip_is_the_first_picture_of_the_next(desk: Desk) -> None:
    async with desk.client() as client:
        first = await client.generate("a fox wakes")
        await client.generate("and walks off", image=first)
    content = base64.b64decode(desk.sent().removeprefix("data:image/png;base64,"))
    with Picture.open(io.BytesIO(content)) as shown:
        assert shown.size == (first.info.width, first.info.height)


class Attic(_Backend):
    """A fake vendor that stores pictures, once it is in the mood."""

    moods: list[bool] = []  # noqa: RUF012 - set by each test
    stored: list[bytes] = []  # noqa: RUF012

    async def upload(self, content: bytes, *, content_type: str, filename: str) -> str:
        if self.moods and not self.moods.pop(0):
            raise ServiceError("the attic is locked")
        self.stored.append(content)
        return f"https://attic.example/{filename}"


def with_attic(desk: Desk, *moods: bool) -> None:
    Attic.moods, Attic.stored = list(moods), []
    plugin = replace(
        desk.fake.plugin(),
        media=MediaRules(data_uri_bytes=1_000_000, upload_bytes=10_000_000),
        open=lambda context: Attic(desk.fake, context),
    )
    desk.plugins = Plugins.of(plugin)


async def test_upload_prefers_the_vendors_own_storage(desk: Desk) -> None:
    with_attic(desk)
    async with desk.client() as client:
        await client.generate("a lake", image=png())
        assert desk.sent() == as_data_uri(png())
        await client.generate("a lake", image=png(), image_transfer="upload")
    assert desk.sent() == "https://attic.example/image.png"
    assert Attic.stored == [png()]


async def test_an_upload_is_tried_three_times_and_then_given_up(desk: Desk) -> None:
    with_attic(desk, False, False, True)
    async with desk.client() as client:
        await client.generate("a lake", image=png(), image_transfer="upload")
        Attic.moods = [False] * 3
        with pytest.raises(AllModelsFailed, match="attic is locked"):
            await client.generate("a lake", image=png(), image_transfer="upload")
    assert Attic.moods == []
    assert len(desk.fake.orders) == 1


async def test_an_upload_that_fails_three_times_goes_on_as_text_where_allowed(desk: Desk) -> None:
    with_attic(desk, False, False, False)
    async with desk.client('image_fallback = "text"') as client:
        video = await client.generate("a lake", image=png(), image_transfer="upload")
        spent = await client.spend()
    [order] = desk.fake.orders
    assert order.media == {}
    assert order.fit.task == "text_to_video"
    assert any(note.field == "image" and "attic is locked" in note.reason for note in video.adjustments)
    assert EventKind.IMAGE_DROPPED in [event.kind for event in desk.events]
    assert [line.cost_micros for line in spent] == [100_000]


class Changing(_Backend):
    """A fake vendor that is asked which version of its model is the latest, and does not say."""

    async def latest_version(self, slug: str) -> str:
        raise ServiceError(f"nobody knows {slug}")


async def test_a_picture_is_not_left_out_for_what_it_did_not_cause(desk: Desk) -> None:
    plugin = desk.fake.plugin()
    models = tuple(replace(spec, version="latest") for spec in plugin.catalog.models)
    changing = replace(
        plugin,
        catalog=replace(plugin.catalog, models=models),
        open=lambda context: Changing(desk.fake, context),
    )
    desk.plugins = Plugins.of(changing)
    async with desk.client('image_fallback = "text"') as client:
        with pytest.raises(AllModelsFailed, match="nobody knows"):
            await client.generate("a lake", image=png())
    assert desk.fake.orders == []
    assert EventKind.IMAGE_DROPPED not in [event.kind for event in desk.events]


# Vendors that take addresses only


@pytest.fixture
def by_address(desk: Desk) -> Desk:
    """A vendor that takes addresses only."""
    desk.plugins = Plugins.of(replace(desk.fake.plugin(), media=MediaRules()))
    return desk


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> None:
    """The storage is on loopback here, where no vendor could fetch from: the guard of its address is off."""
    monkeypatch.setattr(storage_module, "unreachable", lambda _: None)


@pytest.mark.usefixtures("public")
async def test_a_private_s3_picture_goes_by_an_address_that_is_signed_for_an_hour(by_address: Desk) -> None:
    by_address.storage.objects["/scenes/act%201/lake.png"] = png()
    async with by_address.client() as client:
        await client.generate("a lake", image="s3://scenes/act 1/lake.png")
    address, _, query = by_address.sent().partition("?")
    said = dict(part.split("=", 1) for part in query.split("&"))
    assert address == f"{by_address.storage.url}/scenes/act%201/lake.png"
    assert said["X-Amz-Expires"] == "3600"
    assert said["X-Amz-Credential"].startswith("AKIDINVENTED%2F")
    assert len(said["X-Amz-Signature"]) == 64
    assert SECRET not in query


@pytest.mark.usefixtures("public")
async def test_a_private_supabase_picture_goes_by_an_address_that_is_signed_for_an_hour(
    by_address: Desk,
) -> None:
    by_address.storage.objects["/storage/v1/object/authenticated/scenes/lake%201.png"] = png()
    async with by_address.client() as client:
        await client.generate("a lake", image="supabase://scenes/lake 1.png")
    [(path, headers, body)] = by_address.storage.asked
    assert path == "/storage/v1/object/sign/scenes/lake%201.png"
    assert (headers["authorization"], headers["apikey"]) == (f"Bearer {SERVICE_KEY}", SERVICE_KEY)
    assert body == {"expiresIn": 3600}
    assert by_address.sent() == f"{by_address.storage.url}{path}?token={TOKEN}"


@pytest.mark.usefixtures("public")
@pytest.mark.parametrize(("name", "quoted"), NAMES.items())
@pytest.mark.parametrize("place", ["supabase://scenes/{}", "s3://scenes/{}"])
async def test_every_plain_name_is_signed_as_it_is(
    by_address: Desk, place: str, name: str, quoted: str
) -> None:
    by_address.storage.objects |= dict.fromkeys(
        (f"/scenes/{quoted}", f"/storage/v1/object/authenticated/scenes/{quoted}"), png()
    )
    async with by_address.client() as client:
        await client.generate("a lake", image=place.format(name))
    assert urlsplit(by_address.sent()).path.endswith(f"/scenes/{quoted}")
    assert [path for path, _, _ in by_address.storage.asked] in (
        [],
        [f"/storage/v1/object/sign/scenes/{quoted}"],
    )


@pytest.mark.usefixtures("public")
async def test_a_signed_address_is_in_no_file_log_or_event(
    by_address: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even where the vendor's words of failure repeat it."""
    caplog.set_level(logging.DEBUG)
    by_address.storage.objects["/storage/v1/object/authenticated/scenes/lake.png"] = png()
    address = f"{by_address.storage.url}/storage/v1/object/sign/scenes/lake.png?token={TOKEN}"
    by_address.fake.fails(GenerationFailed(f"could not fetch '{address}': 403"))
    async with by_address.client() as client:
        with pytest.raises(AllModelsFailed) as caught:
            await client.generate("a lake", image="supabase://scenes/lake.png")
        jobs = await client.jobs()
    assert by_address.sent() == address
    told = [
        str(caught.value),
        repr(caught.value.exceptions),
        repr(jobs),
        repr(by_address.events),
        caplog.text,
    ]
    kept = [path.read_bytes() for path in by_address.folder.rglob("*") if path.is_file()]
    assert not any(TOKEN in text for text in told)
    assert not any(TOKEN.encode() in content for content in kept)
    assert "/sign/scenes/lake.png" in str(caught.value)


async def test_a_storage_that_no_vendor_can_reach_signs_nothing(by_address: Desk) -> None:
    by_address.storage.objects["/scenes/lake.png"] = png()
    async with by_address.client() as client:
        with pytest.raises(NoModelFits, match="by address only"):
            await client.submit("a lake", image="s3://scenes/lake.png")
    assert by_address.fake.orders == []


@pytest.mark.usefixtures("public")
async def test_content_stays_content_for_a_vendor_that_takes_addresses_only(by_address: Desk) -> None:
    async with by_address.client() as client:
        with pytest.raises(NoModelFits, match="by address only"):
            await client.submit("a lake", image=png())


@pytest.mark.usefixtures("public")
async def test_url_hands_a_private_picture_over_as_an_address_to_any_vendor(desk: Desk) -> None:
    desk.storage.objects["/scenes/lake.png"] = png()
    async with desk.client() as client:
        await client.generate("a lake", image="s3://scenes/lake.png", image_transfer="url")
    assert desk.sent().startswith(f"{desk.storage.url}/scenes/lake.png?X-Amz-")


async def test_url_says_where_a_private_picture_can_have_no_address(desk: Desk) -> None:
    desk.storage.objects["/scenes/lake.png"] = png()
    async with desk.client() as client:
        with pytest.raises(InvalidRequest, match="public address") as caught:
            await client.submit("a lake", image="s3://scenes/lake.png", image_transfer="url")
    assert caught.value.field == "image_transfer"


@pytest.mark.usefixtures("public")
async def test_a_storage_that_signs_badly_is_asked_three_times_and_costs_nothing(by_address: Desk) -> None:
    by_address.storage.objects["/storage/v1/object/authenticated/scenes/lake.png"] = png()
    async with by_address.client() as client:
        job = await client.submit("a lake", image="supabase://scenes/lake.png")
        by_address.storage.fails = 2
        await client.wait(job)
        assert len(by_address.storage.asked) == 3
        by_address.storage.signs = False
        with pytest.raises(AllModelsFailed, match="may not be signed"):
            await client.generate("an owl", image="supabase://scenes/lake.png")
        video = await client.generate("a hare", image="supabase://scenes/lake.png", image_fallback="text")
        spent = await client.spend()
    assert [order.media for order in by_address.fake.orders[1:]] == [{}]
    assert any(note.field == "image" and "may not be signed" in note.reason for note in video.adjustments)
    assert sum(line.cost_micros or 0 for line in spent) == 200_000


AWS = {
    "AWS_ACCESS_KEY_ID": "AKIDINVENTED",
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_REGION": "eu-central-1",
    "AWS_ENDPOINT_URL": "https://objects.example.com",
}


def stored(name: str, color: str) -> Image:
    """A picture that was read from the bucket `scenes`."""
    content = png(color, side=512)
    return Image(
        data=content,
        content_type="image/png",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        storage_address=f"s3://scenes/{name}",
    )


async def test_a_lost_purchase_with_a_signed_picture_is_found_again(house: House) -> None:
    """The vendor lists the signed address of the first send; what is compared does not hold it."""
    house.server.fault("luma", "disconnect_after_accept", times=1)
    wish = {"image": stored("act 1/lake.png", "teal"), "models": "luma/ray-flash-2", "duration": 5}
    async with house.client(environ=AWS) as client:
        video = await client.generate("a lake", **wish)
    [sold] = house.server.world.jobs.values()
    assert "https://objects.example.com/scenes/act%201/lake.png?X-Amz-" in str(sold.request)
    assert len(house.charges()) == len(video.attempts) == 1
    files = [path for path in house.folder.rglob("*") if path.is_file()]
    assert not any(b"X-Amz-Signature" in path.read_bytes() for path in files)


@pytest.mark.parametrize("first", [0, 1], ids=["older first", "newer first"])
async def test_lost_purchases_with_different_signed_pictures_are_not_swapped(
    house: House, first: int
) -> None:
    house.server.fault("luma", "list_500", times=4)
    house.server.fault("luma", "disconnect_after_accept", times=2)
    names = ("act 1/red.png", "act 1/blue.png")
    async with house.client(environ=AWS) as client:
        jobs = []
        for name in names:
            wish = {"image": stored(name, name[6:-4]), "models": "luma/ray-flash-2", "duration": 5}
            jobs.append(await client.submit("a lake", **wish))
            while len(house.charges()) < len(jobs):
                await house.clock.sleep(0.2)
        for job in (jobs[first], jobs[1 - first]):
            await client.wait(job)
        made = [(await client.job(job)).attempts[0].ref for job in jobs]
    assert len(house.charges()) == 2
    for name, ref in zip(names, made, strict=True):
        assert ref is not None
        assert name.replace(" ", "%20") in str(house.server.world.jobs[ref.job_id].request)


# Without a picture that cannot be read


@pytest.mark.parametrize("image", ["nowhere.png", "https://10.0.0.7/a.png"])
async def test_a_plan_and_a_batch_go_on_without_a_picture_as_a_purchase_does(desk: Desk, image: str) -> None:
    async with desk.client('image_fallback = "text"') as client:
        plan = await client.plan("a lake", image=image)
        result = await client.batch([{"prompt": "a lake", "image": image}, {"prompt": "an owl"}])
    assert [note.field for note in plan.candidates[0].fit.adjustments] == ["image"]
    assert [order.media for order in desk.fake.orders] == [{}, {}]
    assert result.successful == 2


@pytest.mark.usefixtures("public")
async def test_a_plan_says_too_that_content_is_no_address(desk: Desk) -> None:
    async with desk.client() as client:
        with pytest.raises(InvalidRequest, match="public address") as caught:
            await client.plan("a lake", image=png(), image_transfer="url")
        plan = await client.plan("a lake", image="s3://scenes/lake.png", image_transfer="url")
    assert caught.value.field == "image_transfer"
    assert plan.candidates
