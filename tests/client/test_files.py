"""Whose file it is: stores that share a folder, files that were altered, moved away or deleted."""

from __future__ import annotations

import hashlib
import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from anyvideo import DownloadFailed, ResultGone, Video

from .conftest import House
from .test_money import crash_at

pytestmark = pytest.mark.anyio
RUNWAY, LUMA, SEEDANCE = "runway/gen4.5", "luma/ray-flash-2", "replicate/seedance-1-lite"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def is_what_it_says(video: Video) -> bool:
    return (video.info.bytes, video.info.sha256) == (video.path.stat().st_size, digest(video.path))


async def test_two_stores_in_one_folder_keep_their_clips_apart(house: House) -> None:
    """The same job id in both: each gets the clip that it paid for."""
    async with house.client(store=house.folder / "a.db") as client:
        fox = await client.generate("a fox", models=LUMA, job_id="film-0")
    before = digest(fox.path)
    async with house.client(store=house.folder / "b.db") as client:
        volcano = await client.generate("a volcano", models=RUNWAY, aspect_ratio="9:16", job_id="film-0")
    assert volcano.info.width < volcano.info.height
    assert digest(fox.path) == before != digest(volcano.path)
    assert is_what_it_says(fox)
    assert is_what_it_says(volcano)


async def test_a_store_made_anew_delivers_no_clip_of_the_deleted_one(house: House) -> None:
    """Also where the first one died between its file and the record of it."""
    with crash_at("file.renamed"):
        async with house.client() as client:
            await client.generate("a fox", models=LUMA, job_id="film-0")
    for path in house.folder.glob("jobs.db*"):
        path.unlink()
    async with house.client() as client:
        video = await client.generate("a volcano", models=RUNWAY, aspect_ratio="9:16", job_id="film-0")
    assert video.info.width < video.info.height


@pytest.mark.parametrize("content", [b"", b"not a video at all", None])
async def test_an_altered_file_is_no_cached_clip(house: House, content: bytes | None) -> None:
    wish = {"models": RUNWAY, "duration": 5, "cache": True}
    async with house.client() as client:
        first = await client.generate("a fox", **wish)
        if content is None:
            whole = first.path.read_bytes()
            content = whole[:-1] + bytes([whole[-1] ^ 1])
        first.path.write_bytes(content)
        again = await client.generate("a fox", **wish)
        assert again.job_id != first.job_id
        assert is_what_it_says(again)
        assert (await client.generate("a fox", **wish)).job_id == again.job_id
    assert len(house.charges()) == 2


async def test_a_deleted_output_file_is_found_in_the_store(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its job, its key and the cache; asked of nobody."""
    monkeypatch.chdir(house.folder)
    wish = {"models": RUNWAY, "duration": 5, "output": "out/{job_id}.mp4"}
    async with house.client() as client:
        bought = await client.generate("a fox", idempotency_key="order-7", **wish)
        assert bought.path.parent == house.folder / "out"
        bought.path.unlink()
        asked = len(house.server.world.requests)
        found = [
            await client.wait(bought.job_id),
            await client.generate("a fox", idempotency_key="order-7", **wish),
            await client.generate("a fox", cache=True, **wish),
        ]
        assert len(house.server.world.requests) == asked
    assert {video.job_id for video in found} == {bought.job_id}
    assert all(video.path.is_file() and is_what_it_says(video) for video in found)


async def test_a_file_that_is_gone_everywhere_is_fetched_again(house: House) -> None:
    async with house.client() as client:
        bought = await client.generate("a fox", models=RUNWAY)
        bought.path.unlink()
        found = await client.wait(bought.job_id)
        assert is_what_it_says(found)
        assert found.info == bought.info
        asked = len(house.server.world.requests)
        assert (await client.wait(bought.job_id)).path == found.path
        assert len(house.server.world.requests) == asked
    assert len(house.charges()) == house.posts() == 1


async def test_an_altered_output_file_is_left_alone_and_the_stores_copy_returned(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(house.folder)
    async with house.client() as client:
        bought = await client.generate("a fox", models=RUNWAY, output="{job_id}.mp4")
        bought.path.unlink()
        bought.path.write_bytes(b"the user's own cut")
        asked = len(house.server.world.requests)
        found = await client.wait(bought.job_id)
        assert len(house.server.world.requests) == asked
    assert is_what_it_says(found)
    assert found.path != bought.path
    assert bought.path.read_bytes() == b"the user's own cut"
    assert [event.message for event in house.events if str(bought.path) in (event.message or "")]


@pytest.mark.parametrize("same_size", [True, False])
async def test_a_file_that_is_altered_everywhere_is_fetched_again_and_kept(
    house: House, same_size: bool
) -> None:
    """Without a template the file that the caller got is the store's own: what was made of it stays, too."""
    async with house.client() as client:
        bought = await client.generate("a fox", models=RUNWAY)
        whole = bought.path.read_bytes()
        altered = whole[:-1] + bytes([whole[-1] ^ 1]) if same_size else b"cut"
        bought.path.write_bytes(altered)
        found = await client.wait(bought.job_id)
        assert is_what_it_says(found)
        assert found.info == bought.info
        assert [path for path in bought.path.parent.iterdir() if path.read_bytes() == altered]
        asked = len(house.server.world.requests)
        assert (await client.wait(bought.job_id)).path == found.path
        assert len(house.server.world.requests) == asked
    assert len(house.charges()) == house.posts() == 1


async def test_an_altered_file_whose_clip_nobody_has_any_more_is_an_error_that_says_so(house: House) -> None:
    async with house.client() as client:
        bought = await client.generate("a fox", models=SEEDANCE)
        bought.path.write_bytes(b"cut")
        house.clock.advance(timedelta(days=30).total_seconds())
        with pytest.raises((ResultGone, DownloadFailed), match="altered"):
            await client.wait(bought.job_id)
    assert bought.path.read_bytes() == b"cut"


async def test_a_file_that_nobody_has_any_more_is_an_error_that_says_so(house: House) -> None:
    async with house.client() as client:
        bought = await client.generate("a fox", models=SEEDANCE)
        bought.path.unlink()
        house.clock.advance(timedelta(days=30).total_seconds())
        with pytest.raises((ResultGone, DownloadFailed)) as caught:
            await client.wait(bought.job_id)
    assert bought.job_id in str(caught.value)
    assert caught.value.charged == "yes"
    assert caught.value.hint
    assert len(house.charges()) == house.posts() == 1


async def test_a_file_that_cannot_be_fetched_now_can_be_later(house: House) -> None:
    async with house.client() as client:
        bought = await client.generate("a fox", models=SEEDANCE)
        bought.path.unlink()
        house.server.fault("replicate", "expired_output")
        with pytest.raises(DownloadFailed, match="resume"):
            await client.wait(bought.job_id)
        assert not list(house.folder.rglob("*.part*"))
        house.server.clear_faults()
        assert is_what_it_says(await client.wait(bought.job_id))


async def test_what_a_crash_left_of_a_fetch_is_swept_once_it_is_old(house: House) -> None:
    """A folder that somebody may still be fetching into stays, and so does everything else."""
    hour = 3600.0
    left = {name: house.folder / "videos" / name for name in ("again-old", "again-busy", "again-new", "kept")}
    for path in left.values():
        path.mkdir(parents=True)
        (path / "clip.mp4.part").write_bytes(b"half")
    long_ago = time.time() - 48 * hour
    for name in ("again-old", "kept"):
        os.utime(left[name] / "clip.mp4.part", (long_ago, long_ago))
    for name in ("again-old", "again-busy", "kept"):
        os.utime(left[name], (long_ago, long_ago))
    (house.folder / "videos" / "again-file").write_bytes(b"a file")
    async with house.client():
        pass
    assert {path.name for path in (house.folder / "videos").iterdir()} == {
        "again-busy",
        "again-new",
        "again-file",
        "kept",
    }


async def test_a_clip_under_an_earlier_name_is_found_by_what_is_recorded(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clips were once named by job and attempt alone; another job's file of that name is left alone."""
    monkeypatch.chdir(house.folder)
    async with house.client() as client:
        bought = await client.generate("a fox", models=RUNWAY, output="{job_id}.mp4")
        [kept] = (house.folder / "videos").iterdir()
        bought.path.unlink()
        earlier = kept.rename(kept.with_name(f"{bought.job_id}.1.mp4"))
        asked = len(house.server.world.requests)
        assert (await client.wait(bought.job_id)).path == earlier
        assert len(house.server.world.requests) == asked
        earlier.write_bytes(b"another's")
        assert is_what_it_says(await client.wait(bought.job_id))
    assert earlier.read_bytes() == b"another's"
