"""The same batch again, when pictures have gone, come or changed, or the application refused a clip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from anyvideo import BatchFailed, IdempotencyConflict, InvalidRequest, Plugins, VideoRefused
from anyvideo.provider import hookimpl

from .conftest import House

pytestmark = pytest.mark.anyio
RUNWAY = "runway/gen4.5"
TEXT: dict[str, Any] = {"models": RUNWAY, "image_fallback": "text"}


def picture(path: Path, colour: str = "navy") -> Path:
    PIL.Image.new("RGB", (400, 400), colour).save(path)
    return path


def scenes(lake: Path | str) -> list[dict[str, Any]]:
    return [{"prompt": "a fox", "image": str(lake)}, {"prompt": "a hare"}, {"prompt": "an owl"}]


@pytest.mark.parametrize("resume", [None, True])
async def test_a_batch_whose_picture_is_gone_is_the_same_batch(house: House, resume: bool | None) -> None:
    lake = picture(house.folder / "lake.png")
    async with house.client() as client:
        first = await client.batch(scenes(lake), **TEXT)
    lake.unlink()
    async with house.client() as client:
        again = await client.batch(scenes(lake), resume=resume, **TEXT)
    assert (again.id, again.successful) == (first.id, 3)
    assert len(house.charges()) == 3


async def test_without_a_fallback_too(house: House) -> None:
    lake = picture(house.folder / "lake.png")
    async with house.client() as client:
        first = await client.batch(scenes(lake), models=RUNWAY)
        lake.unlink()
        again = await client.batch(scenes(lake), models=RUNWAY)
    assert (again.id, again.successful) == (first.id, 3)
    assert len(house.charges()) == 3


async def test_a_picture_that_came_later_buys_no_clip_twice(house: House) -> None:
    lake = house.folder / "lake.png"
    async with house.client() as client:
        first = await client.batch(scenes(lake), **TEXT)
        assert "image" in {change.field for change in first.clips[0].adjustments}
        picture(lake)
        again = await client.batch(scenes(lake), **TEXT)
    assert (again.id, again.successful) == (first.id, 3)
    assert len(house.charges()) == 3


async def test_of_two_batches_the_later_one_goes_on_when_its_picture_is_gone(house: House) -> None:
    lake = picture(house.folder / "lake.png")
    async with house.client() as client:
        await client.batch(scenes(lake), **TEXT)
        await house.clock.sleep(60)
        picture(lake, "maroon")
        second = await client.batch(scenes(lake), **TEXT)
        lake.unlink()
        again = await client.batch(scenes(lake), **TEXT)
    assert again.id == second.id
    assert len(house.charges()) == 6


async def test_a_batch_with_another_picture_never_passes_for_one_whose_picture_is_gone(house: House) -> None:
    lake, hill = picture(house.folder / "lake.png"), house.folder / "hill.png"
    async with house.client() as client:
        first = await client.batch(scenes(lake), **TEXT)
        second = await client.batch(scenes(hill), **TEXT)
        assert second.id != first.id
        lake.unlink()
        assert (await client.batch(scenes(lake), **TEXT)).id == first.id
        assert (await client.batch(scenes(hill), **TEXT)).id == second.id
    assert len(house.charges()) == 6


async def test_another_picture_beside_the_one_that_is_gone_makes_another_batch(house: House) -> None:
    lake, hill = picture(house.folder / "lake.png"), picture(house.folder / "hill.png")
    requests = [{"prompt": "a fox", "image": lake}, {"prompt": "a hare", "image": hill}]
    async with house.client() as client:
        first = await client.batch(requests, **TEXT)
        lake.unlink()
        picture(hill, "maroon")
        second = await client.batch(requests, **TEXT)
    assert second.id != first.id


async def test_under_an_id_of_its_own_a_finished_batch_needs_its_pictures_no_more(house: House) -> None:
    lake, face = picture(house.folder / "lake.png"), picture(house.folder / "face.png")
    requests = [*scenes(lake), {"image": lake}, {"prompt": "a face", "reference_images": {"she": face}}]
    wish: dict[str, Any] = {"models": ["runway/gen4_turbo", RUNWAY], "batch_id": "mine"}
    async with house.client() as client:
        first = await client.batch(requests, **wish)
        lake.unlink()
        face.unlink()
        again = await client.batch(requests, **wish)
    assert [clip.job_ids for clip in again.clips] == [clip.job_ids for clip in first.clips]
    assert (again.successful, len(house.charges())) == (5, 5)


async def test_a_new_clip_without_its_picture_is_named_before_anything_is_sent(house: House) -> None:
    async with house.client() as client:
        with pytest.raises(InvalidRequest, match=r"clip 0: .*lake\.png") as caught:
            await client.batch(scenes(house.folder / "lake.png"), models=RUNWAY, batch_id="mine")
    assert caught.value.field == "image"
    assert house.posts() == 0


async def test_a_failed_clip_without_its_picture_fails_alone(house: House) -> None:
    lake = picture(house.folder / "lake.png")
    wish: dict[str, Any] = {"models": RUNWAY, "batch_id": "mine", "concurrency": 1, "min_successes": 2}
    house.server.fault("runway", "failed", times=1)
    async with house.client() as client:
        first = await client.batch(scenes(lake), **wish)
        assert first.clips[0].video is None
        lake.unlink()
        again = await client.batch(scenes(lake), **wish)
        assert isinstance(again.clips[0].error, InvalidRequest)
        assert "lake.png" in str(again.clips[0].error)
        picture(lake)
        whole = await client.batch(scenes(lake), **wish)
    assert (again.successful, whole.successful, len(house.charges())) == (2, 3, 4)


async def test_other_reference_pictures_make_another_batch(house: House) -> None:
    async def run(**options: Any) -> str:
        async with house.client() as client:
            requests = [{"prompt": "a fox", "reference_images": {"she": face}}]
            return (await client.batch(requests, models=RUNWAY, **options)).id

    face = picture(house.folder / "face.png")
    first = await run()
    assert await run() == first
    await run(batch_id="mine")
    picture(face, "maroon")
    assert await run() != first
    with pytest.raises(IdempotencyConflict):
        await run(batch_id="mine")


class Scanner:
    @hookimpl
    def anyvideo_check_video(self, video: object) -> str:
        return "a virus"


async def test_a_clip_that_a_check_refused_is_never_bought_again(house: House) -> None:
    for _ in range(3):
        async with house.client(plugins=Plugins.discover(hooks=[Scanner()])) as client:
            with pytest.raises(BatchFailed) as caught:
                await client.batch([{"prompt": "a fox"}], models=RUNWAY)
            [clip] = caught.value.result.clips
            assert isinstance(clip.error, VideoRefused)
            assert clip.tries == 1
    assert len(house.charges()) == 1
