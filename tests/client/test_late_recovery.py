"""Lost purchases, looked for late, in a long list, or by a clock that was wrong: none is paid twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from anyvideo import AllModelsFailed, AsyncClient, Job, JobStatus, OutcomeUnknown

from .conftest import House

pytestmark = pytest.mark.anyio
REPLICATE, LUMA, NEXT = "replicate/seedance-1-lite", "luma/ray-flash-2", "runway/gen4.5"
LISTED = [REPLICATE, LUMA]


class Off:
    """A wall clock that is wrong by some minutes."""

    def __init__(self, clock: Any, minutes: float) -> None:
        self._clock = clock
        self._by = timedelta(minutes=minutes)

    def now(self) -> datetime:
        told: datetime = self._clock.now() + self._by
        return told

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clock, name)


async def left_lost(
    house: House, model: str, fault: str = "disconnect_after_accept", **arguments: Any
) -> Job:
    """A purchase whose answer was lost, left by a process that could not read the vendor's list."""
    provider = model.partition("/")[0]
    house.server.fault(provider, fault, times=1)
    house.server.fault(provider, "list_500")
    async with house.client(**arguments) as client:
        job = await client.submit("a fox", models=[model, NEXT])
        while (await client.job(job)).status is not JobStatus.UNKNOWN:
            await house.clock.sleep(1)
    house.server.clear_faults()
    return job


async def bought(house: House, model: str, **arguments: Any) -> None:
    """The same clip, bought and delivered."""
    async with house.client(**arguments) as client:
        await client.generate("a fox", models=model)


def listed_besides(house: House, number: int) -> None:
    """So many more jobs at the vendor, newer than all others."""
    [sold] = house.server.world.jobs.values()
    for one in range(number):
        other = replace(
            sold,
            id=f"{sold.id}-{one}",
            request={**sold.request, "prompt": f"hare {one}"},
            created_at=now(house),
        )
        house.server.world.jobs[other.id] = other


def now(house: House) -> datetime:
    return house.clock.now()


@pytest.mark.parametrize("hours", [0.5, 0.9])
async def test_what_the_list_still_tells_is_found(house: House, hours: float) -> None:
    job = await left_lost(house, REPLICATE)
    await house.clock.sleep(hours * 3600)
    async with house.client() as client:
        assert (await client.wait(job)).model == REPLICATE
    assert len(house.charges()) == 1


async def test_a_listed_job_whose_inputs_are_removed_may_be_the_lost_one(house: House) -> None:
    job = await left_lost(house, REPLICATE)
    await house.clock.sleep(2 * 3600)
    async with house.client() as client:
        with pytest.raises(OutcomeUnknown):
            await client.wait(job)
        assert await held(client) > 0
        [sold] = house.server.world.jobs
        assert sold in " ".join(str(event.message) for event in house.events)
        await client.resolve(job, charged=True)
    assert len(house.charges()) == 1


async def test_own_purchases_whose_inputs_are_removed_prove_nothing(house: House) -> None:
    await bought(house, REPLICATE)
    job = await left_lost(house, REPLICATE, "disconnect_before_accept")
    await house.clock.sleep(2 * 3600)
    async with house.client() as client:
        assert (await client.wait(job)).model == NEXT
    assert len(house.charges()) == 2


async def test_whoever_watches_since_the_sending_needs_no_inputs_of_hours_ago(house: House) -> None:
    """Somebody else uses the model with the same key: what they bought is too old to be this."""
    await bought(house, REPLICATE, store=house.folder / "other.db")
    await house.clock.sleep(2 * 3600)
    house.server.fault("replicate", "disconnect_before_accept", times=1)
    async with house.client() as client:
        assert (await client.generate("a fox", models=[REPLICATE, NEXT])).model == NEXT


@pytest.mark.parametrize("model", LISTED)
@pytest.mark.parametrize("page", [7, 100])
async def test_a_list_of_many_pages_is_read_to_its_end(
    house: House, model: str, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the vendor's pages hold."""
    monkeypatch.setattr(f"anyvideo_{model.partition('/')[0]}.simulated_api.PAGE", page)
    job = await left_lost(house, model)
    listed_besides(house, page * 25)
    async with house.client() as client:
        assert (await client.wait(job)).model == model
    assert len(house.charges()) == 1


@pytest.mark.parametrize("model", LISTED)
async def test_a_list_that_is_not_read_to_its_end_proves_nothing(
    house: House, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = model.partition("/")[0]
    monkeypatch.setattr(f"anyvideo_{provider}.simulated_api.PAGE", 1)
    job = await left_lost(house, model)
    listed_besides(house, 220)
    house.server.fault(provider, "list_500")
    async with house.client() as client:
        with pytest.raises(OutcomeUnknown):
            await client.wait(job, timeout=300)
        house.server.clear_faults()
        with pytest.raises(OutcomeUnknown):
            await client.wait(job, timeout=30)
    assert "read to the end" in " ".join(str(event.message) for event in house.events)
    assert len(house.charges()) == 1


@pytest.mark.parametrize("model", LISTED)
@pytest.mark.parametrize("field", ["created_at", "id"])
async def test_an_entry_that_cannot_be_read_may_be_the_lost_one(house: House, model: str, field: str) -> None:
    job = await left_lost(house, model)
    [vendor] = [one for one in house.server.world.vendors if model.startswith(one.name)]
    show = vendor.show
    vendor.show = lambda *given, **named: {**show(*given, **named), field: None}  # type: ignore[method-assign]
    async with house.client() as client:
        with pytest.raises(OutcomeUnknown):
            await client.wait(job, timeout=400)
        vendor.show = show  # type: ignore[method-assign]
        assert (await client.wait(job)).model == model
    assert len(house.charges()) == 1


@pytest.mark.parametrize("hours", [0.01, 2])
@pytest.mark.parametrize("minutes", [-600, -60, -10, -3, 3, 10, 60, 600])
@pytest.mark.parametrize("model", LISTED)
async def test_a_clock_that_was_wrong_at_the_sending_buys_nothing_twice(
    house: House, model: str, minutes: int, hours: float
) -> None:
    job = await left_lost(house, model, clock=Off(house.clock, minutes))
    await house.clock.sleep(hours * 3600)
    async with house.client() as client:
        try:
            assert (await client.wait(job)).model == model
        except OutcomeUnknown:
            [sold] = house.server.world.jobs
            if house.server.world.jobs[sold].request:
                assert sold in " ".join(str(event.message) for event in house.events)
    assert len(house.charges()) == 1


async def test_a_clock_that_was_put_right_meanwhile_buys_nothing_twice(house: House) -> None:
    """By more than lists are read back, under the eyes of the process that sent it."""
    house.server.fault("luma", "disconnect_after_accept", times=1)
    house.server.fault("luma", "list_500", times=2)
    right, wrong = house.clock.now, timedelta(hours=9)
    house.clock.now = lambda: right() + wrong  # type: ignore[method-assign]
    house.server.world.clock = Off(house.clock, -9 * 60)  # type: ignore[assignment]
    async with house.client() as client:
        job = await client.submit("a fox", models=[LUMA, NEXT])
        while (await client.job(job)).status is not JobStatus.UNKNOWN:
            await house.clock.sleep(0.2)
        house.clock.now = right  # type: ignore[method-assign]
        house.server.world.clock = house.clock
        with pytest.raises(OutcomeUnknown):
            await client.wait(job)
    assert len(house.charges()) == 1


async def test_the_vendors_job_can_be_named_by_a_person(house: House) -> None:
    job = await left_lost(house, LUMA, clock=Off(house.clock, 60))
    async with house.client() as client:
        with pytest.raises(OutcomeUnknown):
            await client.wait(job)
        [sold] = house.server.world.jobs
        await client.resolve(job, provider_job=sold)
        assert (await client.wait(job)).model == LUMA


@pytest.mark.parametrize("model", LISTED)
async def test_an_equal_purchase_of_ours_does_not_hold_a_later_one(house: House, model: str) -> None:
    await bought(house, model)
    await house.clock.sleep(1800)
    house.server.fault(model.partition("/")[0], "disconnect_before_accept", times=1)
    async with house.client() as client:
        assert (await client.generate("a fox", models=[model, NEXT])).model == NEXT


@pytest.mark.parametrize(("hours", "held"), [(0.2, True), (1, False)])
async def test_an_equal_purchase_of_somebody_elses_holds_a_later_one_for_some_minutes(
    house: House, hours: float, held: bool
) -> None:
    """Whoever has watched since the sending knows when it was."""
    await bought(house, LUMA, store=house.folder / "other.db")
    await house.clock.sleep(hours * 3600)
    house.server.fault("luma", "disconnect_before_accept", times=1)
    async with house.client() as client:
        with pytest.raises(OutcomeUnknown if held else AllModelsFailed):
            await client.generate("a fox", models=LUMA)
        await settled_by_a_person(client)
    assert len(house.charges()) == 1


@pytest.mark.parametrize(("hours", "held"), [(1, True), (7, False)])
async def test_it_holds_one_for_some_hours_where_another_process_looks(
    house: House, hours: float, held: bool
) -> None:
    """It cannot know how right the clock was."""
    await bought(house, LUMA, store=house.folder / "other.db")
    await house.clock.sleep(hours * 3600)
    job = await left_lost(house, LUMA, "disconnect_before_accept")
    async with house.client() as client:
        if held:
            with pytest.raises(OutcomeUnknown):
                await client.wait(job)
        else:
            assert (await client.wait(job)).model == NEXT
        await settled_by_a_person(client)
    assert len(house.charges()) == (1 if held else 2)


async def test_a_clock_that_was_as_wrong_as_the_next_process_is_late_buys_nothing_twice(house: House) -> None:
    """The times then look as if nothing had happened in between."""
    job = await left_lost(house, REPLICATE, clock=Off(house.clock, 120))
    await house.clock.sleep(2 * 3600)
    async with house.client() as client:
        with pytest.raises(OutcomeUnknown):
            await client.wait(job)
    assert len(house.charges()) == 1


async def settled_by_a_person(client: AsyncClient) -> None:
    """Nothing stays held that a person cannot decide."""
    for job in await client.jobs(status="unknown"):
        await client.resolve(job, charged=False)
    assert await held(client) == 0


async def held(client: AsyncClient) -> int:
    """Micro-dollars that are set aside."""
    return sum(line.hold_micros for line in await client.spend())
