"""A key that was replaced: paid jobs of the old one come home under the new one, and nobody else's do."""

from __future__ import annotations

from typing import Any

import pytest

from anyvideo import (
    AllModelsFailed,
    AsyncClient,
    ConfigurationError,
    Job,
    JobNotFound,
    JobStatus,
    OutcomeUnknown,
    StillRunning,
)

from .conftest import House

pytestmark = pytest.mark.anyio
KEYS = {"replicate": "REPLICATE_API_TOKEN", "runway": "RUNWAYML_API_SECRET", "luma": "LUMAAI_API_KEY"}
ADDRESSES = {"luma": "LUMAAI_BASE_URL"}
MODELS = ["replicate/seedance-1-lite", "runway/gen4.5", "luma/ray-flash-2"]
LISTED = "luma/ray-flash-2"


def rotated(house: House, **arguments: Any) -> AsyncClient:
    """A client of the same account after every key was replaced."""
    return house.client(environ={name: f"{house.server.env[name]}2" for name in KEYS.values()}, **arguments)


async def left_running(house: House, model: str) -> Job:
    """A job that the vendor has, left by a client that was closed."""
    async with house.client() as client:
        with pytest.raises(StillRunning):
            await client.generate("a fox", models=[model], timeout=10)
        [job] = await client.jobs()
    return job


async def left_lost(house: House, model: str, fault: str) -> Job:
    """A job whose submit got no answer, left before anybody could look for it."""
    provider = model.partition("/")[0]
    house.server.fault(provider, fault, times=1)
    if model == LISTED:
        house.server.fault(provider, "list_500", times=1)
    async with house.client() as client:
        job = await client.submit("a fox", models=[model, "runway/veo3.1_fast"])
        while (await client.job(job)).status is not JobStatus.UNKNOWN:
            await house.clock.sleep(0.2)
    return job


@pytest.mark.parametrize("model", MODELS)
async def test_a_paid_clip_comes_home_under_the_new_key(house: House, model: str) -> None:
    job = await left_running(house, model)
    async with rotated(house) as client:
        [before] = await client.recover()
        assert before.outcome == "elsewhere"
        assert f"anyvideo recover --take-over {job.id}" in str(before.problem)
        [after] = await client.recover(take_over=[job])
        assert (after.outcome, after.problem) == ("delivered", None)
        again = await client.wait(job)
    assert again.model == model
    assert len(house.charges()) == 1


async def test_waiting_for_it_names_the_way_out(house: House) -> None:
    job = await left_running(house, LISTED)
    async with rotated(house) as client:
        with pytest.raises(ConfigurationError, match=f"anyvideo recover --take-over {job.id}"):
            await client.wait(job)


@pytest.mark.parametrize(
    ("fault", "parameters", "said"),
    [("gone", {}, "does not know"), ("unauthorized", {"on": "poll"}, "refuses")],
    ids=["404", "401"],
)
async def test_what_the_vendor_does_not_show_us_is_not_ours(
    house: House, fault: str, parameters: dict[str, Any], said: str
) -> None:
    job = await left_running(house, LISTED)
    house.server.fault("luma", fault, **parameters)
    async with rotated(house) as client:
        [found] = await client.recover(take_over=[job])
        untouched = await client.job(job)
    assert found.outcome == "elsewhere"
    assert said in str(found.problem)
    assert untouched.attempts == job.attempts
    house.server.clear_faults()
    async with house.client() as client:
        [own] = await client.recover()
    assert own.outcome == "delivered"


async def test_a_vendor_that_cannot_be_asked_proves_nothing(house: House) -> None:
    job = await left_running(house, LISTED)
    house.server.fault("luma", "poll_500", times=1)
    async with rotated(house) as client:
        [found] = await client.recover(take_over=[job])
        assert (found.outcome, (await client.job(job)).attempts) == ("elsewhere", job.attempts)
        [found] = await client.recover(take_over=[job])
    assert found.outcome == "delivered"


async def test_another_address_is_another_vendor(house: House) -> None:
    job = await left_running(house, LISTED)
    name = ADDRESSES["luma"]
    elsewhere = house.server.env[name].replace("127.0.0.1", "[::1]")
    asked = len(house.server.world.requests)
    async with house.client(environ={name: elsewhere}) as client:
        [found] = await client.recover(take_over=[job])
    assert found.outcome == "elsewhere"
    assert "base URL" in str(found.problem)
    assert "--take-over" not in str(found.problem)
    assert len(house.server.world.requests) == asked


async def test_a_lost_submit_is_looked_for_under_the_new_key_only_when_the_caller_says_so(
    house: House,
) -> None:
    job = await left_lost(house, LISTED, "disconnect_after_accept")
    async with rotated(house) as client:
        assert [one.outcome for one in await client.recover()] == ["elsewhere"]
        [found] = await client.recover(take_over=job.id)
        assert found.outcome == "delivered"
    assert len(house.charges()) == 1


async def test_what_a_list_of_an_unproven_account_does_not_show_may_exist_all_the_same(house: House) -> None:
    """The caller was wrong: the new key is another account's. Nothing is released or bought again."""
    job = await left_lost(house, LISTED, "disconnect_after_accept")
    house.server.fault("luma", "list_late", seconds=100_000)
    async with rotated(house) as client:
        [found] = await client.recover(take_over=[job])
        assert found.outcome == "held"
        with pytest.raises(OutcomeUnknown):
            await client.wait(job)
        assert len(house.charges()) == 1
        await client.resolve(job, charged=False)
        assert (await client.wait(job)).model == "runway/veo3.1_fast"


async def test_where_nobody_can_tell_it_stays_held_and_can_be_named(house: House) -> None:
    job = await left_lost(house, "runway/gen4.5", "disconnect_after_accept")
    async with rotated(house) as client:
        [found] = await client.recover(take_over=[job])
        assert found.outcome == "held"
        await client.resolve(job, provider_job=house.charges()[0].provider_job_id)
        assert (await client.wait(job)).model == "runway/gen4.5"
    assert len(house.charges()) == 1


async def test_an_order_that_was_not_sent_yet_is_sent_with_the_new_key(house: House) -> None:
    house.server.fault("replicate", "rate_limited", times=1, retry_after=60)
    async with house.client() as client:
        job = await client.submit("a fox", models=["replicate/seedance-1-lite"])
        while not (await client.job(job)).attempts[0].sends:
            await house.clock.sleep(0.2)
    house.server.fault("replicate", "disconnect_before_accept", times=1)
    async with rotated(house) as client:
        [found] = await client.recover(take_over=[job])
    assert found.outcome == "failed"
    assert house.charges() == []


async def test_what_needs_no_taking_over_is_driven_as_ever(house: House) -> None:
    job = await left_running(house, LISTED)
    async with house.client() as client:
        [found] = await client.recover(take_over=[job])
        assert found.outcome == "delivered"
        [found] = await client.recover(take_over=[job])
        assert found.outcome == "delivered"
        assert not [write for write in found.job.attempts[0].writes if write.name == "takeover"]
        with pytest.raises(JobNotFound):
            await client.recover(take_over=["job_x"])


async def test_a_job_of_the_old_key_is_not_taken_for_a_lost_one_of_the_new_key(house: House) -> None:
    job = await left_running(house, LISTED)
    house.server.fault("luma", "disconnect_before_accept", times=1)
    async with rotated(house) as client:
        with pytest.raises(AllModelsFailed):
            await client.generate("a fox", models=[LISTED])
        [found] = await client.recover(take_over=[job])
    assert found.outcome == "delivered"
    assert len(house.charges()) == 1


async def test_a_vault_that_brings_a_new_key_in_between_loses_no_job(house: House) -> None:
    """One client has one key for each vendor: what it buys and what it drives carry the same."""
    keys = ["luma-first"]
    async with house.client(keys={"luma": lambda: keys[-1]}) as client:
        job = await client.submit("a fox", models=LISTED)
        while not house.charges():
            await house.clock.sleep(0.2)
        keys.append("luma-second")
        await client.wait(job)
        await client.generate("a fox", models=LISTED)
        accounts = {(await client.job(one)).attempts[0].account for one in await client.jobs()}
    assert len(accounts) == 1


async def test_who_may_not_cancel_a_job_leaves_no_cancel_behind(house: House) -> None:
    async with house.client() as client:
        job = await client.submit("a fox", models="luma/ray-flash-2")
        while not house.charges():
            await house.clock.sleep(0.2)
    async with house.client(environ={"LUMAAI_API_KEY": "luma-another-account-0000"}) as other:
        with pytest.raises(ConfigurationError):
            await other.cancel(job)
    async with house.client() as client:
        assert (await client.wait(job)).model == "luma/ray-flash-2"
