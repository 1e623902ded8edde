"""Private storage, transfer and fallback of pictures, with the storage on loopback and fakes as vendors."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

import anyio
import pytest
from PIL import Image as Picture

from anyvideo import (
    AllModelsFailed,
    AsyncClient,
    Event,
    EventKind,
    InvalidRequest,
    NoModelFits,
    Plugins,
    load_settings,
)
from anyvideo.provider import MediaRules, ServiceError
from anyvideo.testing.clock import VirtualClock
from anyvideo.testing.fakes import FakeProvider, _Backend

pytestmark = pytest.mark.anyio

SECRET = "wJalrXUtnFEMI-invented"
SERVICE_KEY = "service-key-invented"


def png(color: str = "teal", side: int = 48) -> bytes:
    content = io.BytesIO()
    Picture.new("RGB", (side, side), color).save(content, "PNG")
    return content.getvalue()


@dataclass
class Storage:
    """A loopback server with objects by path; the first `fails` requests get 503."""

    port: int = 0
    objects: dict[str, bytes] = field(default_factory=dict)
    fails: int = 0
    redirect: str | None = None
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
            content = kept.objects.get(self.path)
            status = 200 if content is not None else 404
            if kept.fails:
                kept.fails -= 1
                status, content = 503, b""
            if kept.redirect is not None:
                status, content = 302, b""
            self.send_response(status)
            if kept.redirect is not None:
                self.send_header("Location", kept.redirect)
            self.send_header("Content-Length", str(len(content or b"")))
            self.send_header("Last-Modified", "Sat, 21 Nov 2026 00:00:00 GMT")
            self.send_header("ETag", '"one"')
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield kept
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
    [(_, headers)] = desk.storage.seen
    assert "AKIDINVENTED" in headers["authorization"]
    assert SECRET not in str(headers)


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
