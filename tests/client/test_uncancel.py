"""A cancel that was asked for in the past can be taken back until it has gone out, and never halfway."""

from __future__ import annotations

from typing import Any

import pytest

from anyvideo import (
    AttemptState,
    EventKind,
    Job,
    JobCanceled,
    JobNotFound,
    JobStatus,
    OutcomeUnknown,
    StillRunning,
)

from .conftest import House

pytestmark = pytest.mark.anyio

LUMA = "luma/ray-flash-2"
REPLICATE = "replicate/seedance-1-lite"


async def accepted(house: House, model: str = LUMA) -> Job:
    """A job that its vendor has taken, left by the process that bought it."""
    async with house.client() as client:
        job = await client.submit("a fox", models=model)
        while not (await client.job(job)).attempts[-1].ref:
            await house.clock.sleep(1)
        return await client.job(job)


async def asked_to_cancel(house: House, job: Job, **options: Any) -> None:
    """A cancel that could not reach the vendor in time: polls fail meanwhile."""
    house.server.fault(job.attempts[-1].provider, "poll_500")
    async with house.client() as client:
        with pytest.raises(StillRunning):
            await client.cancel(job, timeout=5, **options)
    house.server.clear_faults()


async def test_a_cancel_of_the_past_is_taken_back_and_the_clip_comes_home(house: House) -> None:
    job = await accepted(house)
    await asked_to_cancel(house, job)
    async with house.client() as client:
        back = await client.uncancel(job)
        assert (back.cancel_requested, back.attempts[-1].canceling) == (False, None)
        video = await client.wait(job)
    assert video.job_id == job.id
    assert [charge.state for charge in house.charges()] == ["succeeded"]
    assert not any(seen.method == "DELETE" for seen in house.server.world.requests)


async def test_waiting_alone_takes_no_cancel_back(house: House) -> None:
    job = await accepted(house)
    await asked_to_cancel(house, job)
    async with house.client() as client:
        with pytest.raises(JobCanceled):
            await client.wait(job)


async def test_a_cancel_that_has_gone_out_stays(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await accepted(house, REPLICATE)
    async with house.client() as client:
        writing = client._store.write

        async def write(lease: Any, known: Job, after: Job, **named: Any) -> Any:
            if after.attempts[-1].canceling:
                house.server.fault("replicate", "poll_500")
            return await writing(lease, known, after, **named)

        monkeypatch.setattr(client._store, "write", write)
        with pytest.raises(StillRunning):
            await client.cancel(job, timeout=5)
        assert (await client.uncancel(job)).cancel_requested
    house.server.clear_faults()
    async with house.client() as client:
        with pytest.raises(JobCanceled):
            await client.wait(job)
    assert [charge.state for charge in house.charges()] == ["canceled"]


@pytest.mark.parametrize("moment", range(6))
@pytest.mark.parametrize("model", [LUMA, REPLICATE, "runway/gen4.5"])
async def test_taken_back_or_gone_out_and_nothing_between(
    house: House, model: str, moment: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken back right after each write of whoever cancels: the answer is kept, whichever it is."""
    job = await accepted(house, model)
    before = len(house.server.world.requests)
    async with house.client() as canceling, house.client() as other:
        writing, told = canceling._store.write, []

        async def write(*arguments: Any, **named: Any) -> Any:
            if len(told) == moment:
                told.append(await other.uncancel(job))
            elif len(told) < moment:
                told.append(None)
            return await writing(*arguments, **named)

        monkeypatch.setattr(canceling._store, "write", write)
        try:
            ended = await canceling.cancel(job, timeout=600)
        except StillRunning:
            ended = await canceling.job(job)
    gone_out = [
        seen
        for seen in list(house.server.world.requests)[before:]
        if seen.method == "DELETE" or seen.path.endswith("/cancel")
    ]
    answers = [one for one in told if one is not None]
    if answers and not answers[0].cancel_requested:
        assert gone_out == []
        assert ended.status is JobStatus.SUCCEEDED
    else:
        assert ended.status is JobStatus.CANCELED
    assert house.posts() == 1


async def test_a_cancel_before_anything_was_sent_can_be_taken_back(house: House) -> None:
    house.server.fault("runway", "rate_limited", retry_after=40, times=1)
    async with house.client() as client:
        job = await client.submit("a fox", models="runway/gen4.5")
        while (await client.job(job)).attempts[-1].sends == 0:
            await house.clock.sleep(1)
    async with house.client() as client:
        await client._store.request_cancel(job.id)
        assert not (await client.uncancel(job)).cancel_requested
        assert (await client.wait(job)).model == "runway/gen4.5"
    assert len(house.charges()) == 1


async def test_an_attempt_that_failed_meanwhile_is_followed_by_the_next_model(house: House) -> None:
    house.server.fault("luma", "failed")
    async with house.client() as client:
        job = await client.submit("a fox", models=[LUMA, REPLICATE])
        while not (await client.job(job)).attempts[-1].ref:
            await house.clock.sleep(1)
        job = await client.job(job)
    await asked_to_cancel(house, job)
    async with house.client() as client:
        await client.uncancel(job)
        assert (await client.wait(job)).model == REPLICATE


async def test_a_lost_submit_that_is_found_again_is_kept(house: House) -> None:
    house.server.fault("luma", "disconnect_after_accept", times=1)
    house.server.fault("luma", "list_500")
    async with house.client() as client:
        with pytest.raises(OutcomeUnknown) as caught:
            await client.generate("a fox", models=LUMA, timeout=20)
        job = await client.cancel(caught.value.job_id)
    assert (job.status, job.cancel_requested) == (JobStatus.UNKNOWN, True)
    house.server.clear_faults()
    async with house.client() as client:
        await client.uncancel(job)
        video = await client.wait(job)
    assert video.job_id == job.id
    assert [charge.state for charge in house.charges()] == ["succeeded"]


@pytest.mark.parametrize("cancel", [False, True])
async def test_what_has_ended_or_was_never_canceled_is_left_as_it_is(house: House, cancel: bool) -> None:
    async with house.client() as client:
        job = await client.submit("a fox", models=REPLICATE)
        if cancel:
            ended = await client.cancel(job)
        else:
            await client.wait(job)
            ended = await client.job(job)
        assert await client.uncancel(job) == ended
        with pytest.raises(JobNotFound):
            await client.uncancel("job_of_nobody")


async def test_a_cancel_can_be_asked_for_again(house: House) -> None:
    job = await accepted(house, REPLICATE)
    await asked_to_cancel(house, job)
    async with house.client() as client:
        await client.uncancel(job)
        ended = await client.cancel(job)
    assert ended.status is JobStatus.CANCELED
    assert [charge.state for charge in house.charges()] == ["canceled"]


async def test_a_cancel_that_is_still_awaited_tells_both_ways_on(house: House) -> None:
    job = await accepted(house)
    house.server.fault("luma", "poll_500")
    async with house.client() as client:
        with pytest.raises(StillRunning) as caught:
            await client.cancel(job, timeout=5)
    assert f"anyvideo cancel {job.id}" in str(caught.value.hint)
    assert "takes the cancel back" in str(caught.value.hint)


async def test_an_attempt_that_the_caller_canceled_says_so(house: House) -> None:
    async with house.client() as client:
        job = await client.submit("a fox", models=REPLICATE)
        ended = await client.cancel(job)
    failure = ended.attempts[-1].failure
    assert failure is not None
    assert (ended.attempts[-1].state, failure.message) == (AttemptState.CANCELED, "canceled by you")


async def test_a_request_that_was_bought_before_is_not_told_as_a_new_purchase(house: House) -> None:
    async with house.client() as client:
        first = await client.generate("a fox", models=LUMA, idempotency_key="17")
        house.events.clear()
        again = await client.generate("a fox", models=LUMA, idempotency_key="17")
    assert again.job_id == first.job_id
    assert not {event.kind for event in house.events} & {EventKind.JOB_RECORDED, EventKind.ATTEMPT_STARTED}
    assert len(house.charges()) == 1


async def test_what_costs_nothing_is_known_as_its_provider_says(house: House) -> None:
    async with house.client() as client:
        video = await client.generate("a fox", models="local/animatic", duration=0.5, resolution="360p")
        [line] = await client.spend()
        result = await client.batch([{"prompt": "an owl"}], models="local/animatic", duration=0.5)
    assert video.cost.basis is video.attempts[-1].cost.basis is line.basis  # type: ignore[union-attr]
    assert result.cost.basis is result.clips[0].attempts[-1].cost.basis  # type: ignore[union-attr]
