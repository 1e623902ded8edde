"""Waits that a closing client ends: each with an error that says where the job stands, none hangs."""

from __future__ import annotations

import threading
from pathlib import Path

import anyio
import pytest

from anyvideo import (
    AnyVideoError,
    Client,
    ConfigurationError,
    JobStatus,
    MediaError,
    StillRunning,
    load_settings,
)

from .conftest import House

LUMA = "luma/ray-flash-2"


@pytest.mark.anyio
async def test_a_wait_that_was_to_cancel_is_told_that_the_job_goes_on(house: House) -> None:
    """A closed client can cancel nothing any more."""
    ends: list[AnyVideoError] = []
    client = house.client()

    async def wait(job_id: str) -> None:
        with pytest.raises(AnyVideoError) as caught:
            await client.wait(job_id, timeout=100_000, on_timeout="cancel")
        ends.append(caught.value)

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks, client:
            job = await client.submit("a fox", models=LUMA)
            tasks.start_soon(wait, job.id)
            while not house.charges():
                await house.clock.sleep(0.5)
    [end] = ends
    assert isinstance(end, StillRunning)
    assert end.job_id == job.id
    assert "closed" in end.message
    assert job.id in (end.hint or "")
    async with house.client() as another:
        assert (await another.wait(job.id, timeout=600)).path.is_file()
    assert len(house.charges()) == 1


@pytest.mark.anyio
async def test_a_client_that_is_closed_already_waits_for_nothing(house: House) -> None:
    house.server.fault("luma", "stuck")
    async with house.client() as client:
        job = await client.submit("a fox", models=LUMA)
    with anyio.fail_after(30), pytest.raises(ConfigurationError, match="not open"):
        await client.wait(job, timeout=5, on_timeout="cancel")


@pytest.mark.anyio
async def test_a_clip_that_went_with_a_memory_store_blames_no_destination(
    house: House, tmp_path: Path
) -> None:
    async with house.client(store="memory:") as client:
        video = await client.generate("a fox", models=LUMA)
        assert video.save(tmp_path / "fox.mp4").is_file()
    with pytest.raises(MediaError, match="memory store") as caught:
        video.save(tmp_path / "late.mp4")
    assert str(video.path) in caught.value.message
    assert "late.mp4" not in str(caught.value)


@pytest.mark.anyio
@pytest.mark.parametrize("turns", range(8))
async def test_a_cancel_under_way_when_the_client_closes_ends(house: House, turns: int) -> None:
    """Wherever the cancel stands; what it came to is in the store."""
    house.server.fault("luma", "stuck")
    client = house.client()
    ends: list[object] = []

    async def wait(job_id: str) -> None:
        try:
            ends.append(await client.wait(job_id, timeout=5, on_timeout="cancel"))
        except AnyVideoError as error:
            ends.append(error)

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks, client:
            job = await client.submit("a fox", models=LUMA)
            tasks.start_soon(wait, job.id)
            while not (await client.job(job)).cancel_requested:
                await house.clock.sleep(0.5)
            for _ in range(turns):
                await anyio.sleep(0.002)
    assert len(ends) == 1
    house.server.clear_faults()
    async with house.client() as another:
        await another.recover()
        assert (await another.job(job)).status is JobStatus.CANCELED


def test_a_thread_that_was_to_cancel_is_told_that_the_job_goes_on(house: House) -> None:
    house.server.set_time(600)
    settings = load_settings(environ=house.server.env, folder=house.folder)
    client = Client(store=house.folder / "jobs.db", settings=settings)
    job = client.submit("a fox", models="runway/gen4.5")
    ends: list[BaseException] = []

    def wait() -> None:
        try:
            client.wait(job, timeout=300, on_timeout="cancel")
        except BaseException as error:  # noqa: BLE001 - what it is is the question
            ends.append(error)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    while not house.charges():
        thread.join(0.05)
    client.close()
    thread.join(30)
    [end] = ends
    assert isinstance(end, StillRunning)
    assert end.job_id == job.id
