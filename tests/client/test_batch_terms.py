"""What a batch is told beside its clips: when it may begin, and values that it cannot use."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from anyvideo import Clip, EventKind, InvalidRequest
from anyvideo.client.batch_begin import begin_of

from .conftest import House

LUMA = "luma/ray-flash-2"


@pytest.fixture
def living_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Move this machine to another time zone."""

    def move(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("now", "given", "begin"),
    [
        # Berlin puts the clock forward on 29 March 2026 at 01:00 UTC, and back on 25 October 2026.
        ("2026-11-21T00:00", "02:30", "2026-11-21T01:30"),
        ("2026-11-21T02:00", "02:30", "2026-11-22T01:30"),
        ("2026-11-21T02:00", "02:30Z", "2026-11-21T02:30"),
        ("2026-11-21T02:00", "02:30-05:00", "2026-11-21T07:30"),
        ("2026-11-21T02:00", "2027-07-01T02:30", "2027-07-01T00:30"),
        ("2026-11-21T02:00", "2027-07-01 02:30", "2027-07-01T00:30"),
        ("2026-11-21T02:00", "2027-07-01T02:30Z", "2027-07-01T02:30"),
        ("2026-11-21T02:00", "2026-12-01", "2026-11-30T23:00"),
        ("2026-03-28T20:00", "04:30", "2026-03-29T02:30"),
        ("2026-03-28T02:00", "02:30", "2026-03-29T01:30"),
        ("2026-10-25T00:45", "02:30", "2026-10-25T01:30"),
        ("2026-10-24T12:00", "04:30", "2026-10-25T03:30"),
    ],
)
def test_a_batch_begins_by_the_clock_on_the_wall(
    living_in: Callable[[str], None], now: str, given: str, begin: str
) -> None:
    living_in("Europe/Berlin")
    told = begin_of(given, datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert told == datetime.fromisoformat(begin).replace(tzinfo=UTC)


def test_a_moment_without_a_zone_has_the_one_of_its_own_day(living_in: Callable[[str], None]) -> None:
    living_in("Europe/Berlin")
    now = datetime(2026, 11, 21, tzinfo=UTC)
    naive = datetime.fromisoformat("2027-07-01T02:30")
    assert begin_of(naive, now) == datetime(2027, 7, 1, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "given", ["soon", "", "20261201", "0230", "2:30", "25:00", "02:30+99:00", "2026-13-01", 5, b"02:30"]
)
def test_what_is_no_time_is_named(given: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        begin_of(given, datetime(2026, 11, 21, tzinfo=UTC))
    assert (caught.value.field, "02:30" in (caught.value.hint or "")) == ("not_before", True)


@pytest.mark.anyio
async def test_a_batch_that_waits_says_until_when(house: House) -> None:
    begin = house.clock.now() + timedelta(hours=3)
    async with house.client(store="memory:") as client:
        result = await client.batch([{"prompt": "a fox"}], models=LUMA, not_before=f"{begin:%H:%M:%S}Z")
    [attempt] = result.clips[0].attempts
    assert attempt.created_at >= begin.replace(microsecond=0)
    first = house.events[0]
    assert (first.kind, first.batch_id) == (EventKind.BATCH_PROGRESS, result.id)
    assert f"{begin:%Y-%m-%d %H:%M} UTC" in (first.message or "")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("requests", "options", "field"),
    [
        (None, {}, "requests"),
        (5, {}, "requests"),
        ([{"prompt": "a fox"}], {"min_successes": "1"}, "min_successes"),
        ([{"prompt": "a fox"}], {"min_successes": 1.0}, "min_successes"),
        ([{"prompt": "a fox"}], {"batch_id": 5}, "batch_id"),
        ([{"prompt": "a fox"}], {"batch_id": ""}, "batch_id"),
        ([{"prompt": "a fox"}], {"resume": "yes"}, "resume"),
        ([{"prompt": "a fox"}], {"not_before": 5}, "not_before"),
        ([{"prompt": "a fox"}], {"models": 5}, "models"),
        ([{"prompt": "a fox"}], {"output": 5}, "output"),
        ([{"prompt": "a fox"}], {"metadata": "abc"}, "metadata"),
        ([{"prompt": "a fox", "metadata": [1]}], {}, "metadata"),
        ([{"prompt": "a fox", "reference_images": ["a"]}], {}, "reference_images"),
        ([{"prompt": "a fox", "reference_images": {5: "a"}}], {}, "reference_images"),
        ([{"prompt": "a fox", "options": "abc"}], {}, "options"),
        ([Clip(prompt="a fox", options=5)], {}, "options"),  # type: ignore[arg-type]
        ([{"prompt": "a fox", 5: 1}], {}, "options"),
    ],
)
async def test_what_a_batch_cannot_use_is_named_before_anything_is_sent(
    house: House, requests: Any, options: dict[str, Any], field: str
) -> None:
    async with house.client(store="memory:") as client:
        with pytest.raises(InvalidRequest) as caught:
            await client.batch(requests, **{"models": LUMA, **options})
    assert caught.value.field == field
    assert house.posts() == 0
