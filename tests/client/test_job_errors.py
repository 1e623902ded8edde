"""An error about a job says where at the vendor to look for it."""

from __future__ import annotations

import pickle

import pytest

from anyvideo import JobCanceled, OutcomeUnknown, StillRunning

from .conftest import House

pytestmark = pytest.mark.anyio


async def test_a_running_job_is_named_as_its_vendor_names_it(house: House) -> None:
    async with house.client() as client:
        with pytest.raises(StillRunning) as caught:
            await client.generate("a fox", models="luma/ray-flash-2", timeout=10)
    [charge] = house.charges()
    told = pickle.loads(pickle.dumps(caught.value))
    assert (told.provider, told.provider_job_id) == ("luma", charge.provider_job_id)


async def test_a_job_that_may_exist_has_a_vendor_and_no_name(house: House) -> None:
    house.server.fault("runway", "disconnect_after_accept", times=1)
    async with house.client() as client:
        with pytest.raises(OutcomeUnknown) as caught:
            await client.generate("a fox", models="runway/gen4.5")
    assert (caught.value.provider, caught.value.provider_job_id) == ("runway", None)


async def test_a_canceled_job_can_be_looked_up_too(house: House) -> None:
    async with house.client() as client:
        with pytest.raises(JobCanceled) as caught:
            await client.generate("a fox", models="luma/ray-flash-2", timeout=10, on_timeout="cancel")
    [charge] = house.charges()
    assert caught.value.provider_job_id == charge.provider_job_id
