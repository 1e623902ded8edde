"""Lost purchases, and vendors whose lists are slow, or are dated by another clock than their jobs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

import anyvideo_luma.provider
from anyvideo import OutcomeUnknown
from anyvideo.testing.simulator import app
from anyvideo_luma import simulated_api

from .conftest import House

pytestmark = pytest.mark.anyio
LUMA = "luma/ray-flash-2"


@pytest.mark.parametrize(("seconds", "on_unknown"), [(15, "hold"), (25, "resubmit")])
async def test_a_list_of_slow_pages_shows_what_was_lost(
    house: House, monkeypatch: pytest.MonkeyPatch, seconds: int, on_unknown: Any
) -> None:
    pages: list[int] = []
    browse = simulated_api.browse

    def slowly(*arguments: Any) -> Any:
        pages.append(seconds)
        house.clock.advance(seconds)
        return browse(*arguments)

    monkeypatch.setattr(simulated_api, "browse", slowly)
    monkeypatch.setattr(anyvideo_luma.provider, "PAGE", 2)
    async with house.client() as client:
        for number in range(8):
            await client.generate(f"hare {number}", models=LUMA)
        house.server.fault("luma", "disconnect_after_accept", times=1)
        await client.generate("a fox", models=LUMA, on_unknown=on_unknown, max_duplicate_cost="1.00")
    assert len(pages) >= 5
    assert len(house.charges()) == 9


@pytest.mark.parametrize("seconds", [-1200, 100, 1200])
async def test_answers_dated_by_another_clock_than_the_jobs_free_no_money(
    house: House, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    def dated(at: datetime, **options: Any) -> str:
        return format_datetime(at + timedelta(seconds=seconds), **options)

    monkeypatch.setattr(app, "format_datetime", dated)
    house.server.fault("luma", "disconnect_after_accept", times=1)
    async with house.client() as client:
        with pytest.raises(OutcomeUnknown):
            await client.generate("a fox", models=[LUMA, "runway/gen4.5"], timeout=3000)
        [attempt] = (await client.jobs())[0].attempts
    assert attempt.hold_micros
    assert len(house.charges()) == 1


async def test_an_equal_clip_that_a_vendor_with_a_fast_clock_made_before_is_nobodys_purchase(
    house: House,
) -> None:
    """Its stamp is that of the purchase by our clock, and of ten minutes before by the vendor's."""
    async with house.client(store=house.folder / "other.db") as other:
        await other.generate("a fox", models=LUMA)
    await house.clock.sleep(600)
    world = house.server.world
    right = world.clock
    [sold] = world.jobs.values()
    world.jobs[sold.id] = replace(sold, created_at=sold.created_at + timedelta(seconds=600))
    world.clock = Fast(right, seconds=600)
    house.server.fault("luma", "disconnect_before_accept", times=1)
    async with house.client() as client:
        with pytest.raises(OutcomeUnknown):
            await client.generate("a fox", models=LUMA, timeout=3000)
        assert [line.cost_micros for line in await client.spend()] == [None]
    assert len(house.charges()) == 1


class Fast:
    """The clock of a vendor that is ahead of ours."""

    def __init__(self, clock: Any, *, seconds: float) -> None:
        self._clock = clock
        self._ahead = timedelta(seconds=seconds)

    def now(self) -> datetime:
        told: datetime = self._clock.now() + self._ahead
        return told

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clock, name)


@pytest.mark.parametrize(
    "date",
    ["Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:59 -0900", "Thu, 01 Jan 1970 00:00:00 GMT", ""],
)
async def test_an_absurd_date_stops_nothing(house: House, monkeypatch: pytest.MonkeyPatch, date: str) -> None:
    monkeypatch.setattr(app, "format_datetime", lambda *_, **__: date)
    house.server.fault("luma", "disconnect_after_accept", times=1)
    async with house.client() as client:
        await client.generate("a fox", models=LUMA, timeout=3000)
    assert len(house.charges()) == 1
