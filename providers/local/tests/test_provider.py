"""Animatics as the engine orders them: a real file, free, and the same one for the same order."""

from __future__ import annotations

import base64
import io
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import anyio
import PIL.Image
import pytest

from anyvideo.media import probe
from anyvideo.net.clients import open_context
from anyvideo.provider import (
    BadRequest,
    DownloadFailed,
    JobStatus,
    Order,
    ProviderContext,
    Ref,
    VideoProvider,
)
from anyvideo.routing.fit import fit
from anyvideo.testing.clock import VirtualClock
from anyvideo.types.plan import Fit
from anyvideo.types.request import Image, VideoRequest
from anyvideo_local import anyvideo_providers

pytestmark = pytest.mark.anyio
[PLUGIN] = anyvideo_providers()
[SPEC] = PLUGIN.catalog.models


@dataclass
class Studio:
    """The provider, its work folder and its clock."""

    provider: VideoProvider
    work: Path
    clock: VirtualClock

    def files(self) -> list[str]:
        return sorted(path.name for path in self.work.iterdir())


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    clock = VirtualClock()
    opened = open_context(ProviderContext, key=None, base_url=None, clock=clock, work=tmp_path)
    async with opened as context:
        provider = PLUGIN.open(context)
        yield Studio(provider=provider, work=tmp_path, clock=clock)
        await provider.aclose()


def order(image: str | None = None, **request: Any) -> Order:
    wish: dict[str, Any] = {"prompt": "a fox", "duration": 0.5, "fps": 8, "resolution": "360p", **request}
    media = {} if image is None else {"image": image}
    picture = None if image is None else Image(data=b"x", content_type="image/png", size=1)
    fitted = fit(
        VideoRequest(image=picture, **wish), SPEC, today=VirtualClock().now().date(), media=PLUGIN.media
    )
    assert isinstance(fitted, Fit), fitted
    return Order(fit=fitted, spec=SPEC, tag="tag", media=media)


def png() -> bytes:
    file = io.BytesIO()
    PIL.Image.new("RGB", (64, 48), "orange").save(file, "PNG")
    return file.getvalue()


async def test_a_submit_comes_back_with_the_clip(studio: Studio) -> None:
    submission = await studio.provider.submit(order(aspect_ratio="9:16", fps=12, duration=1))
    update = submission.update
    assert update.status is JobStatus.SUCCEEDED
    assert update.reported_cost is not None
    assert update.reported_cost.micros == 0
    [output] = update.outputs
    assert output.path is not None
    info = probe(output.path)
    assert (info.width, info.height, info.fps) == (360, 640, 12)
    assert info.duration == pytest.approx(1.0)
    assert PLUGIN.label is not None
    assert "not a model's output" in PLUGIN.label
    assert PLUGIN.stand_in
    assert not PLUGIN.needs_key


async def test_the_same_order_is_drawn_once(studio: Studio) -> None:
    first = await studio.provider.submit(order(seed=1))
    drawn = studio.files()
    again = await studio.provider.submit(order(seed=1))
    assert again == first
    assert studio.files() == drawn
    other = await studio.provider.submit(order(seed=1, prompt="an owl"))
    assert other.ref != first.ref


async def test_orders_at_the_same_time_do_not_disturb_each_other(studio: Studio) -> None:
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(studio.provider.submit, order())
    [file] = studio.files()
    assert probe(studio.work / file).duration == pytest.approx(0.5)


@pytest.mark.parametrize("form", ["base64", "percent"])
async def test_a_picture_comes_as_a_data_uri(studio: Studio, form: str) -> None:
    encoded = base64.b64encode(png()).decode() if form == "base64" else quote_from_bytes(png())
    address = f"data:image/png{';base64' if form == 'base64' else ''},{encoded}"
    with_picture = await studio.provider.submit(order(address))
    without = await studio.provider.submit(order())
    assert with_picture.update.status is JobStatus.SUCCEEDED
    assert with_picture.ref != without.ref


@pytest.mark.parametrize(
    "address",
    [
        "data:image/png;base64,not base64!",
        "data:image/png;base64",
        "data:image/png;base64," + base64.b64encode(b"no picture").decode(),
    ],
)
async def test_a_picture_that_is_none_is_turned_down(studio: Studio, address: str) -> None:
    with pytest.raises(BadRequest):
        await studio.provider.submit(order(address))
    assert studio.files() == []


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9/fox.png", "https://169.254.169.254/fox.png", "file:///etc/passwd"]
)
async def test_a_picture_inside_the_network_is_not_fetched(studio: Studio, address: str) -> None:
    with pytest.raises(DownloadFailed):
        await studio.provider.submit(order(address))


async def test_what_was_deleted_is_gone(studio: Studio) -> None:
    submission = await studio.provider.submit(order())
    assert (await studio.provider.fetch(submission.ref)).outputs == submission.update.outputs
    shutil.rmtree(studio.work)
    update = await studio.provider.fetch(submission.ref)
    assert update.gone
    assert (await studio.provider.cancel(Ref(job_id="unknown", model="animatic"))).gone


async def test_virtual_time_stands_still_while_it_draws(studio: Studio) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(studio.clock.sleep, 600.0)
        await studio.provider.submit(order())
        assert studio.clock.monotonic() == 0
        tasks.cancel_scope.cancel()
