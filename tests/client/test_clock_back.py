"""A wall clock that is set: what is due is due all the same, and no clip is left until it is gone."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from anyvideo import JobStatus, StillRunning

from .conftest import House

pytestmark = pytest.mark.anyio
RUNWAY, SEEDANCE = "runway/gen4.5", "replicate/seedance-1-lite"


class Wall:
    """The house's wall clock, which may be set; its vendors' and the time that passes stay as they are."""

    def __init__(self, house: House) -> None:
        self.right = house.clock.now
        self.off = timedelta(0)
        house.server.world.clock = _Vendors(house, self.right)
        house.clock.now = self.now  # type: ignore[method-assign]

    def now(self) -> datetime:
        return self.right() + self.off


class _Vendors:
    def __init__(self, house: House, now: object) -> None:
        self.now = now
        self.monotonic = house.clock.monotonic


@pytest.mark.parametrize("hours", [-30, -1, 1, 30])
async def test_a_running_job_is_polled_on_when_the_clock_is_set(house: House, hours: int) -> None:
    wall = Wall(house)
    async with house.client() as client:
        job = await client.submit("a fox", models=RUNWAY)
        while (await client.job(job)).status is not JobStatus.RUNNING:
            await house.clock.sleep(1)
        wall.off = timedelta(hours=hours)
        await client.wait(job, timeout=120)
    assert len(house.charges()) == 1


async def test_the_next_process_polls_at_once_what_is_due_in_an_hour(house: House) -> None:
    wall = Wall(house)
    async with house.client() as client:
        with pytest.raises(StillRunning):
            await client.generate("a fox", models=SEEDANCE, job_id="fox", timeout=10)
    wall.off = timedelta(hours=-1)
    async with house.client() as client:
        await client.wait("fox", timeout=120)
    assert len(house.charges()) == 1


@pytest.mark.parametrize(("hours", "least", "most"), [(0, 100, 130), (-1, 0, 30)])
async def test_a_vendors_retry_after_is_kept_unless_the_clock_was_set_back(
    house: House, hours: int, least: int, most: int
) -> None:
    wall = Wall(house)
    house.server.fault("runway", "rate_limited", times=1, retry_after=120)
    async with house.client() as client:
        job = await client.submit("a fox", models=RUNWAY)
        while not house.posts():
            await house.clock.sleep(1)
    wall.off = timedelta(hours=hours)
    begun = house.clock.monotonic()
    async with house.client() as client:
        with pytest.raises(StillRunning):
            await client.wait(job, timeout=1)
        while house.posts() < 2:
            await house.clock.sleep(1)
        sent = house.clock.monotonic() - begun
        await client.wait(job, timeout=600)
    assert least <= sent <= most
