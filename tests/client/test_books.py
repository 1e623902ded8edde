"""What the books say after the fact: thresholds, free models, clips that are used again, dropped pictures."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest

from anyvideo import (
    AsyncClient,
    Budget,
    BudgetExceeded,
    EventKind,
    OutcomeUnknown,
    Plugins,
    load_settings,
)
from anyvideo.provider import MediaRules, ProviderPlugin, ServiceError
from anyvideo.testing.fakes import FakeProvider, _Backend

from .conftest import House

pytestmark = pytest.mark.anyio


def client_of(house: House, *plugins: ProviderPlugin, **arguments: Any) -> AsyncClient:
    settings = load_settings(environ={}, folder=house.folder)
    return house.client(plugins=Plugins.of(*plugins), settings=settings, **arguments)


def percents(house: House) -> list[int]:
    return [event.threshold.percent for event in house.events if event.threshold is not None]


# Thresholds


async def test_a_cost_above_its_hold_tells_the_thresholds_that_it_passes(house: House) -> None:
    fake = FakeProvider("fake").costs("0.10").succeeds(cost="0.24")
    async with client_of(house, fake.plugin(), budgets=[Budget("0.25", period="day")]) as client:
        await client.generate("a fox", models="fake")
    told = [event for event in house.events if event.kind is EventKind.BUDGET_THRESHOLD]
    assert percents(house) == [50, 80]
    assert [event.threshold.used_micros for event in told if event.threshold] == [240_000, 240_000]
    assert {(one.threshold.scope, one.threshold.period) for one in told if one.threshold} == {
        ("project", "day")
    }


async def test_a_cost_above_its_hold_counts_in_the_period_of_the_hold(house: House) -> None:
    fake = FakeProvider("fake").costs("0.10").succeeds(cost="0.30", polls=3)
    async with client_of(house, fake.plugin(), budgets=[Budget("0.25", period="day")]) as client:
        job = await client.submit("a fox", models="fake")
        house.clock.advance(24 * 3600)
        await client.wait(job)
    assert percents(house) == [50, 80, 100]


async def test_a_cost_below_its_hold_tells_nothing_twice(house: House) -> None:
    fake = FakeProvider("fake").costs("0.20").succeeds(cost="0.15")
    async with client_of(house, fake.plugin(), budgets=[Budget("0.25")]) as client:
        await client.generate("a fox", models="fake")
    assert percents(house) == [50, 80]


# Free models


async def test_an_overspent_budget_refuses_no_free_model(house: House) -> None:
    dear, free = FakeProvider("dear").succeeds(cost="0.30"), FakeProvider("free").costs("0")
    async with client_of(house, dear.plugin(), free.plugin(), budgets=[Budget("0.25")]) as client:
        await client.generate("a fox", models="dear")
        with pytest.raises(BudgetExceeded):
            await client.generate("a hare", models="dear")
        assert (await client.generate("a hare", models="free")).model == free.model
        assert (await client.generate("an owl", models=["dear", "free"])).model == free.model


async def test_what_has_no_known_price_is_not_free(house: House) -> None:
    dear, other = FakeProvider("dear").succeeds(cost="0.30"), FakeProvider("other")
    unpriced = other.plugin()
    [spec] = unpriced.catalog.models
    unpriced = replace(unpriced, catalog=replace(unpriced.catalog, models=(replace(spec, prices=()),)))
    async with client_of(house, dear.plugin(), unpriced, budgets=[Budget("0.25")]) as client:
        await client.generate("a fox", models="dear")
        with pytest.raises(BudgetExceeded):
            await client.generate("a hare", models="other", allow_unpriced=True)
    assert not other.orders


# Clips that are used again


async def test_a_batch_counts_no_clip_that_was_bought_before(house: House) -> None:
    fake = FakeProvider("fake")
    async with client_of(house, fake.plugin()) as client:
        before = await client.generate("a lake", models="fake")
        clips = [{"prompt": "a lake"}, {"prompt": "a lake"}, {"prompt": "an owl"}]
        result = await client.batch(clips, models="fake", cache=True)
        again = await client.batch(clips, models="fake", cache=True)
        spent = sum(line.cost_micros or 0 for line in await client.spend())
    for one in (result, again):
        assert one.cost.micros == 100_000
        assert [clip.cost.micros for clip in one.clips] == [0, 0, 100_000]
        assert [clip.reused for clip in one.clips] == [before.job_id, before.job_id, None]
    assert result.videos[0].cost == before.cost
    assert spent == 200_000
    assert len(fake.orders) == 2


async def test_a_batch_counts_a_clip_that_it_uses_twice_once(house: House) -> None:
    fake = FakeProvider("fake")
    async with client_of(house, fake.plugin()) as client:
        clips = [{"prompt": "a lake"}, {"prompt": "a lake"}]
        result = await client.batch(clips, models="fake", cache=True, concurrency=1)
    assert len(fake.orders) == 1
    assert result.cost.micros == 100_000
    assert [clip.cost.micros for clip in result.clips] == [100_000, 0]


# Dropped pictures


class _Attic(_Backend):
    """Keeps no picture while `locked`."""

    locked = True

    async def upload(self, content: bytes, *, content_type: str, filename: str) -> str:
        if self.locked:
            raise ServiceError("the attic is locked")
        return f"https://attic.example/{filename}"


def with_attic(fake: FakeProvider, *, locked: bool) -> ProviderPlugin:
    class Attic(_Attic):
        pass

    Attic.locked = locked
    media = MediaRules(data_uri_bytes=1_000_000, upload_bytes=10_000_000)
    return replace(fake.plugin(), media=media, open=lambda context: Attic(fake, context))


def png() -> bytes:
    from PIL import Image

    picture = io.BytesIO()
    Image.new("RGB", (640, 360), (10, 120, 200)).save(picture, "PNG")
    return picture.getvalue()


async def test_a_clip_without_its_picture_answers_the_order_that_it_was_made_of(house: House) -> None:
    fake = FakeProvider("fake")
    wish = {"models": "fake", "image": png(), "image_transfer": "upload"}
    async with client_of(house, with_attic(fake, locked=True)) as client:
        bare = await client.generate("a lake", **wish, image_fallback="text")
        assert [change.field for change in bare.adjustments] == ["image"]
    async with client_of(house, with_attic(fake, locked=False)) as client:
        pictured = await client.generate("a lake", **wish, cache=True)
        assert pictured.job_id != bare.job_id
        assert (await client.generate("a lake", models="fake", cache=True)).job_id == bare.job_id
        assert (await client.generate("a lake", **wish, cache=True)).job_id == pictured.job_id
    assert len(fake.orders) == 2


async def test_equal_lost_orders_know_of_each_other_whatever_became_of_their_picture(house: House) -> None:
    fake = FakeProvider("fake").loses_the_answer()
    picture = {"image": png(), "image_transfer": "upload", "image_fallback": "text"}
    async with client_of(house, with_attic(fake, locked=True)) as client:
        for wish in (picture, {}):
            with pytest.raises(OutcomeUnknown):
                await client.generate("a lake", models="fake", **wish)
        two, one = [job.attempts[0] for job in await client.jobs()]
        now = house.clock.now()
        assert [rival.attempt.id for rival in await client._store.rivals(two, now=now)] == [one.id]
        assert [rival.attempt.id for rival in await client._store.rivals(one, now=now)] == [two.id]
