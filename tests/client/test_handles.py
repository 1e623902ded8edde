"""A vendor's answer arrived, and the store could not take it: the handle must not be lost."""

from __future__ import annotations

import sqlite3

import pytest

from anyvideo import JobStatus
from anyvideo.jobs.points import watcher

from .conftest import House

pytestmark = pytest.mark.anyio


async def test_a_handle_that_could_not_be_written_at_first_is_written_later(house: House) -> None:
    """The table is away for a moment, right when the answer comes: every write fails."""
    limited: list[sqlite3.Connection] = []

    def fill(point: str) -> None:
        if point == "W3.before" and not limited:
            blocker = sqlite3.connect(house.folder / "jobs.db", isolation_level=None)
            blocker.execute("ALTER TABLE jobs RENAME TO jobs_away")
            limited.append(blocker)

    token = watcher.set(fill)
    try:
        async with house.client() as client:
            job = await client.submit("a fox", models="runway/gen4.5")
            while not limited:
                await house.clock.sleep(1)
            await house.clock.sleep(5)
            limited[0].execute("ALTER TABLE jobs_away RENAME TO jobs")
            video = await client.wait(job)
    finally:
        watcher.reset(token)
        for connection in limited:
            connection.close()
    assert house.posts() == 1
    assert len(house.charges()) == 1
    assert video.attempts[0].ref is not None
    assert video.attempts[0].ref.job_id == house.charges()[0].provider_job_id


async def test_a_handle_comes_home_after_another_process_took_the_job_over(house: House) -> None:
    """The answer comes after the lease was lost: the other one holds the job as unknown by then."""
    taken: list[bool] = []

    def overtake(point: str) -> None:
        if point == "W3.before" and not taken:
            taken.append(True)
            with sqlite3.connect(house.folder / "jobs.db", isolation_level=None) as other:
                other.execute("UPDATE jobs SET lease_owner = NULL, epoch = epoch + 1")

    token = watcher.set(overtake)
    try:
        async with house.client() as client:
            job = await client.submit("a fox", models="runway/gen4.5")
            video = await client.wait(job)
            assert (await client.job(job)).status is JobStatus.SUCCEEDED
    finally:
        watcher.reset(token)
    assert house.posts() == 1
    assert video.attempts[0].ref is not None
    assert video.attempts[0].ref.job_id == house.charges()[0].provider_job_id
