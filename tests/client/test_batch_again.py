"""The same batch again, when pictures have gone, come or changed, or the application refused a clip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from anyvideo import (
    AsyncClient,
    BatchFailed,
    BatchResult,
    BudgetExceeded,
    IdempotencyConflict,
    Image,
    InvalidRequest,
    JobStatus,
    OutcomeUnknown,
    Plugins,
    VideoRefused,
)
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


GIF, CUT_OFF = b"GIF89a, and more", b"\x89PNG\r\n\x1a\n and no more"
BROKEN: list[Any] = [GIF, CUT_OFF, "data:image/png;base64,AAAA", "data:image/png;base64", Image(data=GIF)]


@pytest.mark.parametrize("batch_id", [None, "mine"])
@pytest.mark.parametrize("content", [GIF, CUT_OFF])
async def test_content_that_is_no_picture_never_passes_for_the_picture(
    house: House, batch_id: str | None, content: bytes
) -> None:
    lake = picture(house.folder / "lake.png")
    wish: dict[str, Any] = {"models": RUNWAY, "batch_id": batch_id}
    async with house.client() as client:
        await client.batch(scenes(lake), **wish)
        lake.write_bytes(content)
        with pytest.raises(InvalidRequest, match="clip 0: the image is") as caught:
            await client.batch(scenes(lake), **wish)
    assert caught.value.field == "image"
    assert len(house.charges()) == 3


@pytest.mark.parametrize("other", BROKEN)
async def test_other_content_that_is_no_picture_never_passes_for_the_picture(
    house: House, other: Any
) -> None:
    lake = picture(house.folder / "lake.png")
    async with house.client() as client:
        await client.batch([{"prompt": "a fox", "image": lake}], models=RUNWAY, batch_id="mine")
        with pytest.raises(InvalidRequest, match="clip 0: the "):
            await client.batch([{"prompt": "a fox", "image": other}], models=RUNWAY, batch_id="mine")
        with pytest.raises(InvalidRequest, match="clip 0: she: the "):
            await client.batch(
                [{"prompt": "a fox", "image": lake, "reference_images": {"she": other}}],
                models=RUNWAY,
                batch_id="mine",
            )


async def test_a_picture_of_another_name_never_passes_for_one_that_is_gone(house: House) -> None:
    lake, hill = picture(house.folder / "lake.png"), picture(house.folder / "hill.png", "maroon")
    pair = [{"prompt": "it moves", "image": lake}, {"prompt": "it moves", "image": hill}]
    wish: dict[str, Any] = {"models": RUNWAY, "batch_id": "mine"}
    async with house.client() as client:
        await client.batch(pair, **wish)
        lake.unlink()
        hill.unlink()
        assert (await client.batch(pair, **wish)).successful == 2
        swapped = [{**pair[0], "image": hill}, {**pair[1], "image": lake}]
        for clips in (swapped, [{**pair[0], "image": house.folder / "lak.png"}, pair[1]]):
            with pytest.raises(InvalidRequest, match=r"clip 0: .*cannot be read"):
                await client.batch(clips, **wish)
            with pytest.raises(IdempotencyConflict, match="clip 0"):
                await client.batch(clips, image_fallback="text", **wish)
    assert len(house.charges()) == 2


@pytest.mark.parametrize("batch_id", [None, "mine"])
async def test_other_reference_pictures_never_pass_for_those_that_are_gone(
    house: House, batch_id: str | None
) -> None:
    async def run(**references: Path) -> str:
        async with house.client() as client:
            requests = [{"prompt": "a fox", "reference_images": references}]
            return (await client.batch(requests, models=RUNWAY, batch_id=batch_id)).id

    she, he = picture(house.folder / "she.png"), picture(house.folder / "he.png", "maroon")
    first = await run(she=she, he=he)
    she.unlink()
    assert await run(she=she, he=he) == first
    for references in ({"she": house.folder / "her.png", "he": he}, {"she": she}, {"it": she, "he": he}):
        with pytest.raises(InvalidRequest, match=r"cannot be read"):
            await run(**references)
    picture(he, "teal")
    with pytest.raises(InvalidRequest, match=r"cannot be read"):
        await run(she=she, he=he)
    assert len(house.charges()) == 1


async def test_with_the_prompt_alone_allowed_content_that_is_no_picture_is_left_out_anew(
    house: House,
) -> None:
    lake = picture(house.folder / "lake.png")
    async with house.client() as client:
        first = await client.batch(scenes(lake), **TEXT)
        await client.batch(scenes(lake), batch_id="mine", **TEXT)
        lake.write_bytes(GIF)
        with pytest.raises(IdempotencyConflict):
            await client.batch(scenes(lake), batch_id="mine", **TEXT)
        second = await client.batch(scenes(lake), **TEXT)
        again = await client.batch(scenes(lake), **TEXT)
    assert first.id != second.id == again.id
    assert "image" in {change.field for change in second.clips[0].adjustments}
    assert len(house.charges()) == 9


@pytest.mark.parametrize(
    "typed", [{}, {"content_type": "image/png"}, {"content_type": "image/png", "size": 9}]
)
async def test_an_image_made_by_hand_counts_by_its_content(house: House, typed: dict[str, Any]) -> None:
    lake, hill = picture(house.folder / "lake.png"), picture(house.folder / "hill.png", "maroon")
    async with house.client() as client:
        ids, jobs = [], []
        for path in (lake, hill):
            for image in (Image(path=path, **typed), Image(data=path.read_bytes(), **typed), path):
                ids.append((await client.batch([{"prompt": "a fox", "image": image}], models=RUNWAY)).id)
                key = {"models": RUNWAY, "idempotency_key": path.name}
                jobs.append((await client.generate("a hare", image=image, **key)).job_id)
        with pytest.raises(IdempotencyConflict):
            await client.generate("a hare", image=Image(path=hill), models=RUNWAY, idempotency_key="lake.png")
        lake.unlink()
        kept = await client.batch([{"prompt": "a fox", "image": Image(path=lake, **typed)}], models=RUNWAY)
    assert kept.id == ids[0]
    for found in (ids, jobs):
        assert len(set(found[:3])) == len(set(found[3:])) == 1
        assert found[0] != found[3]
    assert len(house.charges()) == 4


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


TURBO, LUMA = "runway/gen4_turbo", "luma/ray-flash-2"


async def lost(house: House, client: AsyncClient, **wish: Any) -> BatchResult:
    """A batch of one clip whose first model may have taken it, told by nobody."""
    house.server.fault("runway", "disconnect_after_accept", times=1)
    with pytest.raises(BatchFailed) as caught:
        await client.batch([{"prompt": "a fox", "image": str(picture(house.folder / "lake.png"))}], **wish)
    result: BatchResult = caught.value.result
    assert isinstance(result.clips[0].error, OutcomeUnknown)
    return result


@pytest.mark.parametrize("tries", [1, 3])
async def test_once_a_lost_clip_is_booked_the_same_batch_tries_it_again_once(
    house: House, tries: int
) -> None:
    wish: dict[str, Any] = {"models": [TURBO, LUMA], "batch_id": "film", "tries": tries}
    requests = [{"prompt": "a fox", "image": str(house.folder / "lake.png")}]
    async with house.client() as client:
        await lost(house, client, **wish)
        with pytest.raises(BatchFailed):
            await client.batch(requests, **wish)
        assert house.posts() == 1
        await client.resolve("film-0", charged=True)
    for _ in range(3):
        async with house.client() as client:
            again = await client.batch(requests, **wish)
        assert (again.successful, again.clips[0].job_ids) == (1, ("film-0", "film-0-try2"))
        assert (len(house.charges()), house.posts()) == (2, 2)
    assert again.held_micros == 0
    async with house.client() as client:
        assert [job.status for job in await client.jobs()] == [JobStatus.SUCCEEDED, JobStatus.FAILED]


async def test_each_decision_buys_one_more_try_and_an_undecided_one_none(house: House) -> None:
    wish: dict[str, Any] = {"models": [TURBO, LUMA], "batch_id": "film"}
    async with house.client() as client:
        await lost(house, client, **wish)
        for number, job_id in enumerate(("film-0", "film-0-try2", "film-0-try3"), 2):
            await client.resolve(job_id, charged=True)
            result = await lost(house, client, **wish)
            assert (result.clips[0].tries, house.posts()) == (number, number)
            with pytest.raises(BatchFailed):
                await client.batch([{"prompt": "a fox", "image": str(house.folder / "lake.png")}], **wish)
            assert house.posts() == number
    assert len(house.charges()) == 4


async def test_a_booked_clip_is_tried_again_only_within_the_batchs_budget(house: House) -> None:
    wish: dict[str, Any] = {"models": TURBO, "batch_id": "film"}
    async with house.client() as client:
        result = await lost(house, client, budget="0.30", **wish)
        assert result.held_micros == 250_000
        await client.resolve("film-0", charged=True)
        requests = [{"prompt": "a fox", "image": str(house.folder / "lake.png")}]
        with pytest.raises(BudgetExceeded):
            await client.batch(requests, budget="0.30", **wish)
        assert house.posts() == 1
        again = await client.batch(requests, budget="0.50", **wish)
    assert (again.successful, house.posts()) == (1, 2)
    assert again.cost.micros == 500_000


@pytest.mark.parametrize("charged", [True, False])
async def test_once_a_clip_that_cannot_be_fetched_is_given_up_the_same_batch_tries_it_again_once(
    house: House, charged: bool
) -> None:
    wish: dict[str, Any] = {"models": LUMA, "batch_id": "film"}
    house.server.fault("luma", "expired_output")
    async with house.client() as client:
        with pytest.raises(BatchFailed):
            await client.batch([{"prompt": "a fox"}], **wish, timeout=150)
        await client.resolve("film-0", charged=charged)
    house.server.clear_faults()
    for _ in range(2):
        async with house.client() as client:
            again = await client.batch([{"prompt": "a fox"}], **wish)
        assert (again.successful, house.posts()) == (1, 2)
