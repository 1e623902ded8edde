"""A person names the vendor's job of a lost purchase: it is looked at before it is believed."""

from __future__ import annotations

import pytest

from anyvideo import InvalidRequest, JobNotFound, JobStatus, OutcomeUnknown, ProviderError

from .conftest import House

pytestmark = pytest.mark.anyio
RUNWAY = "runway/gen4.5"


async def lost(house: House, **options: object) -> str:
    house.server.fault("runway", "disconnect_after_accept")
    async with house.client() as client:
        with pytest.raises(OutcomeUnknown) as caught:
            await client.generate("a fox", models=RUNWAY, duration=5, **options)
    house.server.clear_faults()
    return caught.value.job_id


@pytest.mark.parametrize("name", ["typo-id", "", "../../v1/organization", "a b", "x" * 500])
async def test_a_name_that_the_vendor_does_not_know_changes_nothing(house: House, name: str) -> None:
    job = await lost(house)
    async with house.client() as client:
        with pytest.raises(InvalidRequest) as caught:
            await client.resolve(job, provider_job=name)
        assert caught.value.field == "provider_job"
        assert (await client.job(job)).status is JobStatus.UNKNOWN
        await client.resolve(job, provider_job=house.charges()[0].provider_job_id)
        assert (await client.wait(job)).model == RUNWAY
    assert len(house.charges()) == 1


async def test_a_vendor_that_does_not_answer_decides_nothing(house: House) -> None:
    job = await lost(house)
    house.server.fault("runway", "poll_500", times=1)
    async with house.client() as client:
        with pytest.raises(ProviderError, match="try again"):
            await client.resolve(job, provider_job=house.charges()[0].provider_job_id)
        assert (await client.job(job)).status is JobStatus.UNKNOWN
        await client.resolve(job, provider_job=house.charges()[0].provider_job_id)
        await client.wait(job)


async def test_a_clip_that_was_bought_again_meanwhile_is_delivered_all_the_same(house: House) -> None:
    job = await lost(house, on_unknown="resubmit", max_duplicate_cost="0.60")
    bought = [charge.provider_job_id for charge in house.charges()]
    assert len(bought) == 2
    async with house.client() as client:
        await client.resolve(job, provider_job=bought[0])
        video = await client.wait(job)
        assert video.attempts[-1].ref is not None
        assert video.attempts[-1].ref.job_id == bought[0]
        decided = await client.resolve(job, charged=True)
    assert [attempt.charged for attempt in decided.attempts] == ["yes", "yes"]
    assert len(house.charges()) == 2


async def test_a_job_that_nobody_recorded_is_not_found(house: House) -> None:
    async with house.client() as client:
        with pytest.raises(JobNotFound):
            await client.resolve("job_nobody", charged=True)
