"""What an application's own checks, its output template and the measured file do to a job."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from anyvideo import (
    AsyncClient,
    AttemptState,
    Event,
    EventKind,
    InvalidRequest,
    JobStatus,
    PluginError,
    Plugins,
    StillRunning,
    Video,
    VideoRefused,
    VideoRequest,
    load_settings,
)
from anyvideo.provider import CostBasis, Update, hookimpl
from anyvideo.testing.clock import VirtualClock
from anyvideo.testing.fakes import FakeProvider, _Backend

pytestmark = pytest.mark.anyio


@dataclass
class Checks:
    """An application's plugin: says what it is told to say, and remembers what it saw and where."""

    request: str | None = None
    video: str | Exception | None = None
    requests: list[VideoRequest] = field(default_factory=list)
    videos: list[Video] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)

    @hookimpl
    def anyvideo_check_request(self, request: VideoRequest) -> str | None:
        self.requests.append(request)
        self.threads.add(threading.get_ident())
        return self.request

    @hookimpl
    def anyvideo_check_video(self, video: Video) -> str | None:
        assert video.path.exists()
        self.videos.append(video)
        self.threads.add(threading.get_ident())
        if isinstance(self.video, Exception):
            raise self.video
        return self.video


@dataclass
class Desk:
    folder: Path
    fake: FakeProvider = field(default_factory=lambda: FakeProvider("fake"))
    other: FakeProvider = field(default_factory=lambda: FakeProvider("other"))
    checks: Checks = field(default_factory=Checks)
    events: list[Event] = field(default_factory=list)
    backend: Callable[..., Any] = _Backend

    def client(self, toml: str = "") -> AsyncClient:
        (self.folder / "anyvideo.toml").write_text(toml)
        settings = load_settings(environ={"ANYVIDEO_MODELS": "fake,other"}, folder=self.folder)
        first = replace(self.fake.plugin(), open=lambda context: self.backend(self.fake, context))
        return AsyncClient(
            store=self.folder / "jobs.db",
            settings=settings,
            plugins=Plugins.of(first, self.other.plugin(), hooks=[self.checks]),
            clock=VirtualClock(),
            on_event=self.events.append,
        )

    def kinds(self) -> list[EventKind]:
        return [event.kind for event in self.events]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(folder=tmp_path)


async def test_a_refused_request_buys_nothing(desk: Desk) -> None:
    desk.checks.request = "no brands"
    async with desk.client() as client:
        with pytest.raises(InvalidRequest, match="no brands"):
            await client.generate("a fox drinks brand-x")
        assert await client.spend() == []
        assert await client.jobs() == []
    assert [request.prompt for request in desk.checks.requests] == ["a fox drinks brand-x"]
    assert desk.fake.orders == []


@pytest.mark.parametrize("refusal", ["a face is shown", RuntimeError("scanner not there")])
async def test_a_refused_clip_is_paid_kept_and_not_bought_again(desk: Desk, refusal: str | Exception) -> None:
    desk.checks.video = refusal
    async with desk.client() as client:
        with pytest.raises(VideoRefused) as caught:
            await client.generate("a fox")
        job = await client.job(caught.value.job_id)
        [line] = await client.spend()
        with pytest.raises(VideoRefused):
            await client.wait(job)
    assert "a face is shown" in str(caught.value) or "RuntimeError" in str(caught.value)
    assert job.status is JobStatus.FAILED
    assert job.attempts[0].state is AttemptState.SETTLED
    assert line.cost_micros == 100_000
    assert line.hold_micros == 0
    assert caught.value.path.read_bytes()[4:8] == b"ftyp"
    assert (len(desk.fake.orders), len(desk.other.orders)) == (1, 0)
    assert len(desk.checks.videos) == 1


@pytest.mark.parametrize("answer", [False, ""])
async def test_a_check_that_answers_nonsense_leaves_a_paid_clip_for_when_it_is_mended(
    desk: Desk, answer: Any
) -> None:
    desk.checks.video = answer
    async with desk.client() as client:
        job = await client.submit("a fox")
        with pytest.raises(PluginError, match=r"Checks\.anyvideo_check_video is broken") as caught:
            await client.wait(job)
        standing = await client.job(job)
    assert f"anyvideo resume {job.id}" in str(caught.value.hint)
    [kept] = (desk.folder / "videos").glob("*.mp4")
    assert str(kept) in str(caught.value.hint)
    assert not standing.finished
    desk.checks.video = None
    async with desk.client() as client:
        video = await client.wait(job.id)
        [line] = await client.spend()
    assert (video.path, line.cost_micros) == (kept, 100_000)
    assert (len(desk.fake.orders), len(desk.other.orders)) == (1, 0)


async def test_a_check_of_requests_that_answers_nonsense_buys_nothing(desk: Desk) -> None:
    desk.checks.request = False  # type: ignore[assignment]
    async with desk.client() as client:
        with pytest.raises(PluginError, match="it answered False"):
            await client.generate("a fox")
        assert await client.spend() == []
    assert desk.fake.orders == []


async def test_checks_see_the_measured_clip_off_the_loop(desk: Desk) -> None:
    async with desk.client() as client:
        video = await client.generate("a fox", duration=5)
    [seen] = desk.checks.videos
    assert (seen.info, seen.cost, seen.model) == (video.info, video.cost, "fake/video")
    assert threading.get_ident() not in desk.checks.threads


async def test_the_output_template_names_the_file(desk: Desk) -> None:
    toml = f'[output]\nfolder = "{desk.folder / "clips"}"\ntemplate = "{{provider}}/{{job_id}}.mp4"'
    async with desk.client(toml) as client:
        one = await client.generate("a fox", job_id="fox-1")
        two = await client.generate(
            "a fox", job_id="fox-2", output="{job_id}/clip_{index}.mp4", metadata={"clip": "3"}
        )
        with pytest.raises(InvalidRequest) as caught:
            await client.submit("a fox", output="../../{job_id}.mp4")
    assert one.path == desk.folder / "clips" / "fake" / "fox-1.mp4"
    assert two.path == desk.folder / "clips" / "fox-2" / "clip_3.mp4"
    assert caught.value.field == "output"


async def test_a_clip_of_another_length_is_delivered_and_named(desk: Desk) -> None:
    desk.fake.succeeds(duration=8)
    async with desk.client() as client:
        video = await client.generate("a fox", duration=5)
        stored = await client.job(video.job_id)
    [mismatch] = [one for one in video.mismatches if one.field == "duration"]
    assert mismatch.ordered == "5 s"
    assert mismatch.measured.startswith("8")
    assert stored.artifact is not None
    assert stored.artifact.mismatches == video.mismatches
    assert EventKind.MISMATCH in desk.kinds()


class Damaged(_Backend):
    """The first two times the result is asked for, the file is cut short."""

    cut = 2

    async def fetch(self, ref: Any) -> Update:
        update = await _Backend.fetch(self, ref)
        if update.outputs and Damaged.cut > 0:
            Damaged.cut -= 1
            path = update.outputs[0].path
            assert path is not None
            path.write_bytes(path.read_bytes()[:-300])
        return update


async def test_a_damaged_file_is_fetched_again_and_never_delivered(desk: Desk) -> None:
    Damaged.cut, desk.backend = 2, Damaged
    async with desk.client() as client:
        video = await client.generate("a fox", duration=3)
        [line] = await client.spend()
    assert video.duration == pytest.approx(3, abs=0.1)
    said = [event.message or "" for event in desk.events if event.kind is EventKind.TROUBLE]
    assert sum("cut short" in message for message in said) >= 1
    assert line.cost_micros == 100_000
    assert len(desk.fake.orders) == 1


async def test_a_file_that_stays_damaged_leaves_the_job_open(desk: Desk) -> None:
    Damaged.cut, desk.backend = 1_000_000, Damaged
    async with desk.client() as client:
        with pytest.raises(StillRunning) as caught:
            await client.generate("a fox", duration=3, timeout=300)
        Damaged.cut = 0
        video = await client.wait(caught.value.job_id)
    assert video.duration == pytest.approx(3, abs=0.1)
    assert (len(desk.fake.orders), len(desk.other.orders)) == (1, 0)


async def test_a_price_per_second_settles_from_the_measured_length(desk: Desk) -> None:
    from anyvideo.catalog.spec import PriceUnit

    desk.fake.costs("0.02").succeeds(duration=8).succeeds(duration=5)
    plugin = desk.fake.plugin()
    [spec] = plugin.catalog.models
    price = replace(spec.prices[0], per=PriceUnit.OUTPUT_SECOND)
    catalog = replace(plugin.catalog, models=(replace(spec, prices=(price,)),))
    client = AsyncClient(
        store=desk.folder / "jobs.db",
        settings=load_settings(environ={"ANYVIDEO_MODELS": "fake"}, folder=desk.folder),
        plugins=Plugins.of(replace(plugin, catalog=catalog)),
        clock=VirtualClock(),
    )
    async with client:
        longer = await client.generate("a fox", duration=5)
        exact = await client.generate("a fox", duration=5)
    assert (longer.cost.micros, longer.cost.basis) == (160_000, CostBasis.COMPUTED)
    assert exact.cost.micros == 100_000
