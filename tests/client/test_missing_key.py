"""A key that is gone when it is needed: nothing is begun with it, and what is paid for stays as it is."""

from __future__ import annotations

import pytest

from anyvideo import (
    AllModelsFailed,
    AsyncClient,
    Budget,
    Job,
    JobStatus,
    MissingKey,
    StillRunning,
    StoreError,
)

from .conftest import House

pytestmark = pytest.mark.anyio
REPLICATE, RUNWAY, LUMA = "replicate/seedance-1-lite", "runway/gen4.5", "luma/ray-flash-2"
BUDGETS = [Budget("1.00", scope="user:x")]
KEY = "RUNWAYML_API_SECRET"


async def failing_at_the_first(house: House, models: list[str]) -> Job:
    """A job that the first model has taken and will fail, left by a client that had every key."""
    house.server.fault("replicate", "failed", times=1)
    async with house.client(budgets=BUDGETS) as client:
        job = await client.submit("a fox", models=models)
        while (await client.job(job)).status is not JobStatus.RUNNING:
            await house.clock.sleep(0.5)
    return job


def without_key(house: House) -> AsyncClient:
    return house.client(budgets=BUDGETS, environ={KEY: ""})


async def held(client: AsyncClient) -> int:
    return sum(used.held_micros for used in await client.budgets())


async def test_a_fallback_without_its_key_is_not_begun(house: House) -> None:
    job = await failing_at_the_first(house, [REPLICATE, RUNWAY])
    async with without_key(house) as client:
        with pytest.raises(AllModelsFailed, match=KEY) as caught:
            await client.wait(job)
        assert "nothing followed" in str(caught.value)
        ended = await client.job(job)
        assert ended.status is JobStatus.FAILED
        assert [attempt.model for attempt in ended.attempts] == [REPLICATE]
        assert await held(client) == 0
    assert house.posts() == 1


async def test_the_fallback_after_it_is_bought_instead(house: House) -> None:
    job = await failing_at_the_first(house, [REPLICATE, RUNWAY, LUMA])
    async with without_key(house) as client:
        video = await client.wait(job)
        assert await held(client) == 0
    assert video.model == LUMA


async def test_a_fallback_whose_plugin_is_not_here_is_not_begun(house: House) -> None:
    job = await failing_at_the_first(house, [REPLICATE, RUNWAY])
    async with house.client(budgets=BUDGETS, environ={"ANYVIDEO_PLUGINS": "replicate,luma"}) as client:
        with pytest.raises(AllModelsFailed, match=f"nothing followed: {RUNWAY}"):
            await client.wait(job)
        assert await held(client) == 0


async def test_a_fallback_without_its_key_does_not_stop_a_cancel(house: House) -> None:
    job = await failing_at_the_first(house, [REPLICATE, RUNWAY])
    async with without_key(house) as client:
        assert (await client.cancel(job)).finished
        assert await held(client) == 0


async def test_a_purchase_under_way_waits_for_its_key(house: House) -> None:
    async with house.client(budgets=BUDGETS) as client:
        with pytest.raises(StillRunning):
            await client.generate("a fox", models=RUNWAY, timeout=5, job_id="fox")
        before = await client.job("fox")
    async with without_key(house) as client:
        for _ in range(2):
            with pytest.raises(MissingKey, match=KEY) as caught:
                await client.wait("fox")
            assert caught.value.field == KEY
        with pytest.raises(MissingKey, match=KEY):
            await client.cancel("fox")
        await client.uncancel("fox")
        for take_over in ((), "fox"):
            [recovered] = await client.recover(take_over=take_over)
            assert recovered.outcome == "elsewhere"
            assert KEY in (recovered.problem or "")
        assert (await client.job("fox")).attempts == before.attempts
    async with house.client(budgets=BUDGETS) as client:
        assert (await client.wait("fox")).model == RUNWAY
    assert house.posts() == 1


async def test_a_provider_folder_that_cannot_be_made_holds_nothing(house: House) -> None:
    work = house.folder / "work"
    async with house.client(budgets=BUDGETS) as client:
        work.write_text("in the way")
        with pytest.raises(StoreError, match="work") as caught:
            await client.generate("a fox", models=RUNWAY)
        assert str(work / "runway") in str(caught.value)
        assert await held(client) == 0
        assert await client.jobs() == []
        work.unlink()
        assert (await client.generate("a fox", models=RUNWAY)).model == RUNWAY
    assert house.posts() == 1


async def test_a_fallbacks_folder_that_cannot_be_made_holds_nothing(house: House) -> None:
    job = await failing_at_the_first(house, [REPLICATE, RUNWAY])
    (house.folder / "work" / "runway").write_text("in the way")
    async with house.client(budgets=BUDGETS) as client:
        with pytest.raises(AllModelsFailed, match=f"nothing followed: {RUNWAY}.*{house.folder / 'work'}"):
            await client.wait(job)
        assert await held(client) == 0
