"""Folders that vanish, or turn into what cannot be written, while a clip is under way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from anyvideo import AttemptState, Event, EventKind, InvalidRequest, StoreError

from .conftest import House

pytestmark = pytest.mark.anyio
RUNWAY = "runway/gen4.5"


def at(kind: EventKind, do: Callable[[], object]) -> Callable[[Event], None]:
    """Do something the first time that an event comes."""
    done: list[object] = []

    def heard(event: Event) -> None:
        if event.kind is kind and not done:
            done.append(do())

    return heard


def spoil(folder: Path) -> None:
    """Put a file where the folder is or will be."""
    if folder.exists():
        folder.rename(folder.with_name("moved-away"))
    folder.write_text("not a folder")


async def test_a_stores_folder_that_cannot_be_written_stops_the_job_and_loses_nothing(house: House) -> None:
    videos = house.folder / "videos"
    async with house.client(on_event=at(EventKind.DOWNLOADING, lambda: spoil(videos))) as client:
        job = await client.submit("a fox", models=RUNWAY)
        with pytest.raises(StoreError) as caught:
            await client.wait(job, timeout=600)
        assert caught.value.field == "store"
        assert str(videos) in caught.value.message
        assert f"anyvideo resume {job.id}" in (caught.value.hint or "")
        assert (await client.job(job)).attempts[-1].state is AttemptState.DOWNLOADING
        videos.unlink()
        assert (await client.wait(job)).path.is_file()
    assert len(house.charges()) == house.posts() == 1


@pytest.mark.parametrize("when", [EventKind.ATTEMPT_ACCEPTED, EventKind.DOWNLOADING])
async def test_a_stores_folder_that_vanished_is_made_again(house: House, when: EventKind) -> None:
    videos = house.folder / "videos"
    videos.mkdir()
    async with house.client(on_event=at(when, videos.rmdir)) as client:
        assert (await client.generate("a fox", models=RUNWAY)).path.parent == videos


@pytest.mark.parametrize("spoiled", ["vanished", "a file", "a loop"])
async def test_a_clip_whose_output_folder_cannot_be_written_stays_in_the_store(
    house: House, monkeypatch: pytest.MonkeyPatch, spoiled: str
) -> None:
    """It is paid for and delivered all the same; an event says which folder, and where the clip is."""
    monkeypatch.chdir(house.folder)
    out = house.folder / "out"
    out.mkdir()

    def change() -> None:
        out.rmdir()
        if spoiled == "a file":
            out.write_text("not a folder")
        elif spoiled == "a loop":
            out.symlink_to(out)

    heard = at(EventKind.DOWNLOADING, change)
    told: list[str] = []

    def listen(event: Event) -> None:
        heard(event)
        told.extend([event.message] if event.message else [])

    async with house.client(on_event=listen) as client:
        video = await client.generate("a fox", models=RUNWAY, output="out/{job_id}.mp4")
        again = await client.wait(video.job_id)
    assert video.path.is_file()
    assert again.path == video.path
    if spoiled == "vanished":
        assert video.path.parent == out
    else:
        assert video.path.parent == house.folder / "videos"
        assert [message for message in told if str(video.path) in message and str(out) in message]
    assert len(house.charges()) == 1


async def test_a_current_folder_that_is_gone_is_named_before_anything_is_sent(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.chdir(gone := tmp_path_factory.mktemp("gone"))
    async with house.client() as client:
        gone.rmdir()
        with pytest.raises(InvalidRequest) as caught:
            await client.submit("a fox", models=RUNWAY, output="{job_id}.mp4")
        assert caught.value.field == "output"
        assert caught.value.hint
        assert (await client.generate("a fox", models=RUNWAY)).path.is_file()
    assert len(house.charges()) == 1
