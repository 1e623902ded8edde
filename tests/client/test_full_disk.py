"""A store that cannot be written for a while: what a vendor took is not lost with it."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from anyvideo import OutcomeUnknown, StillRunning
from anyvideo.jobs.points import watcher

from .conftest import House

pytestmark = pytest.mark.anyio
RUNWAY = "runway/gen4.5"


class Away:
    """A store whose table of jobs is away: every read and write of a job fails."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.begun = False

    def go(self) -> None:
        self._rename("jobs", "jobs_away")
        self.begun = True

    def come_back(self) -> None:
        self._rename("jobs_away", "jobs")

    def _rename(self, old: str, new: str) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None, timeout=10)) as sql:
            sql.execute(f"ALTER TABLE {old} RENAME TO {new}")


@contextmanager
def away_at(point: str, house: House) -> Iterator[Away]:
    """The store fails from this point on, until the test brings it back."""
    away = Away(house.folder / "jobs.db")

    def watch(name: str) -> None:
        if name == point and not away.begun:
            away.go()

    token = watcher.set(watch)
    try:
        yield away
    finally:
        watcher.reset(token)


async def test_a_lease_that_cannot_be_renewed_does_not_lose_a_slow_answer(house: House) -> None:
    """The answer takes longer than the time after which a lease is renewed, and comes to a full disk."""
    (house.folder / "anyvideo.toml").write_text("[recovery]\nlease = 1\n")
    house.server.fault("runway", "slow_answer", times=1, seconds=1.2)
    with away_at("W2.after", house) as away:
        async with house.client() as client:
            job = await client.submit("a fox", models=RUNWAY)
            while house.clock.monotonic() < 5:
                await house.clock.sleep(1)
            assert away.begun
            away.come_back()
            video = await client.wait(job)
    assert house.posts() == len(house.charges()) == 1
    assert video.attempts[0].ref is not None
    assert video.attempts[0].ref.job_id == house.charges()[0].provider_job_id


async def test_whoever_waits_while_a_handle_cannot_be_written_is_told_the_vendors_id(house: House) -> None:
    with away_at("W3.before", house) as away:
        async with house.client() as client:
            with pytest.raises(StillRunning) as caught:
                await client.generate("a fox", models=RUNWAY, job_id="fox")
            handle = house.charges()[0].provider_job_id
            assert handle in caught.value.message
            assert caught.value.provider_job_id == handle
            assert f"anyvideo jobs resolve fox --provider-job {handle}" in (caught.value.hint or "")
            away.come_back()
            video = await client.wait("fox")
    assert video.attempts[0].ref is not None
    assert video.attempts[0].ref.job_id == handle
    assert house.posts() == len(house.charges()) == 1


async def test_a_client_that_closes_with_an_unwritten_handle_says_the_vendors_id(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    with away_at("W3.before", house) as away, caplog.at_level(logging.ERROR, logger="anyvideo"):
        async with house.client() as client:
            await client.submit("a fox", models=RUNWAY, job_id="fox")
            while not away.begun:
                await house.clock.sleep(1)
    handle = house.charges()[0].provider_job_id
    assert f"anyvideo jobs resolve fox --provider-job {handle}" in caplog.text
    away.come_back()
    async with house.client() as client:
        with pytest.raises(OutcomeUnknown):
            await client.wait("fox")
        await client.resolve("fox", provider_job=handle)
        await client.wait("fox")
    assert house.posts() == len(house.charges()) == 1
