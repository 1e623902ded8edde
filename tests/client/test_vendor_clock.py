"""Lost purchases, and vendors whose lists are slow, or are dated by another clock than their jobs."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

import anyvideo_luma.provider
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
async def test_answers_dated_by_another_clock_than_the_jobs_hide_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    def dated(at: datetime, **options: Any) -> str:
        return format_datetime(at + timedelta(seconds=seconds), **options)

    monkeypatch.setattr(app, "format_datetime", dated)
    house.server.fault("luma", "disconnect_after_accept", times=1)
    async with house.client() as client:
        await client.generate("a fox", models=LUMA, timeout=3000)
    assert len(house.charges()) == 1


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
