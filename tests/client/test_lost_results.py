"""A paid clip that cannot be fetched: what the vendor says then counts, and a person has a way out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from anyvideo import (
    AllModelsFailed,
    AttemptState,
    Budget,
    EventKind,
    InvalidRequest,
    Job,
    JobStatus,
    ResultGone,
    StaleWrite,
    StillRunning,
)
from anyvideo.jobs.observe import GONE

from .conftest import House

pytestmark = pytest.mark.anyio
LUMA, RUNWAY, SEEDANCE = "luma/ray-flash-2", "runway/gen4.5", "replicate/seedance-1-lite"
REFUNDED = {"state": "failed", "failure_reason": "Frame moderation failed", "assets": None}
EMPTY: dict[str, Any] = {"assets": None}
SOONER = GONE.total_seconds() / 3


def says(house: House, name: str, fields: Callable[[], dict[str, Any]]) -> None:
    """From now on the vendor's answers have these fields instead."""
    [vendor] = [one for one in house.server.world.vendors if one.name == name]
    show = vendor.show
    vendor.show = lambda *given, **named: {**show(*given, **named), **fields()}  # type: ignore[method-assign]


async def stuck(house: House, client: Any, fault: str = "expired_output", **options: Any) -> Job:
    """A purchase whose clip has been ready for a while and cannot be fetched."""
    house.server.fault("luma", fault)
    job = await client.submit("a red fox on ice", models=LUMA, **options)
    with pytest.raises(StillRunning):
        await client.wait(job, timeout=150)
    standing: Job = await client.job(job)
    assert standing.attempts[0].state is AttemptState.DOWNLOADING
    return standing


async def test_a_clip_that_its_vendor_calls_failed_after_all_ends_and_frees_its_money(house: House) -> None:
    async with house.client(budgets=[Budget("0.40")]) as client:
        job = await stuck(house, client)
        says(house, "luma", lambda: REFUNDED)
        with pytest.raises(AllModelsFailed, match="Frame moderation failed") as caught:
            await client.wait(job, timeout=600)
        ended = await client.job(job)
        [used] = await client.budgets()
    assert ended.attempts[0].state is AttemptState.FAILED
    assert type(caught.value.exceptions[0]).__name__ == "OutputModerated"
    assert (used.held_micros, used.spent_micros) == (0, 0)
    ends = [event for event in house.events if event.kind is EventKind.ATTEMPT_ENDED]
    assert [event.state for event in ends] == ["failed"]


async def test_the_next_model_follows_what_its_vendor_calls_failed_after_all(house: House) -> None:
    house.server.fault("luma", "expired_output")
    async with house.client() as client:
        job = await client.submit("a red fox on ice", models=[LUMA, RUNWAY])
        with pytest.raises(StillRunning):
            await client.wait(job, timeout=100)
        says(house, "luma", lambda: {**REFUNDED, "failure_reason": "an internal error"})
        video = await client.wait(job, timeout=1200)
    assert video.model == RUNWAY


async def test_one_stray_failure_of_a_finished_clip_does_not_lose_it(house: House) -> None:
    strays = [REFUNDED]
    async with house.client() as client:
        job = await stuck(house, client)
        says(house, "luma", lambda: strays.pop() if strays else {})
        with pytest.raises(StillRunning):
            await client.wait(job, timeout=3 * GONE.total_seconds())
        assert not strays
        house.server.clear_faults()
        assert (await client.wait(job, timeout=600)).model == LUMA
    assert len(house.charges()) == 1


async def test_failure_is_believed_only_once_it_was_said_for_a_while(house: House) -> None:
    async with house.client() as client:
        job = await stuck(house, client)
        says(house, "luma", lambda: REFUNDED)
        with pytest.raises(StillRunning):
            await client.wait(job, timeout=SOONER)
        assert (await client.job(job)).attempts[0].state is AttemptState.DOWNLOADING


async def test_a_success_whose_file_is_gone_is_a_lost_result_and_not_bought_twice(house: House) -> None:
    house.server.fault("luma", "expired_output")
    async with house.client() as client:
        job = await client.submit("a red fox on ice", models=[LUMA, RUNWAY])
        with pytest.raises(StillRunning):
            await client.wait(job, timeout=100)
        says(house, "luma", lambda: EMPTY)
        with pytest.raises(AllModelsFailed) as caught:
            await client.wait(job, timeout=600)
        ended = await client.job(job)
    assert [type(one) for one in caught.value.exceptions] == [ResultGone]
    assert ended.attempts[0].charged == "yes"
    assert len(house.charges()) == 1


async def test_what_was_said_before_the_end_and_comes_late_is_left_aside(house: House) -> None:
    async with house.client() as client:
        job = await stuck(house, client)
        late = [{"state": "dreaming", "assets": None}] * 5
        says(house, "luma", lambda: late.pop() if late else {})
        with pytest.raises(StillRunning):
            await client.wait(job, timeout=300)
        house.server.clear_faults()
        await client.wait(job, timeout=600)
    assert not late


@pytest.mark.parametrize(("charged", "spent"), [(True, 1), (False, 0)])
async def test_a_person_gives_up_a_clip_that_cannot_be_fetched(
    house: House, *, charged: bool, spent: int
) -> None:
    """The vendor serves a web page for ever. Its money comes free, or is spent, on a person's word."""
    async with house.client(budgets=[Budget("0.40")]) as client:
        job = await stuck(house, client, "output_not_video")
        decided = await client.resolve(job, charged=charged)
        [used] = await client.budgets()
        again = await client.job(job)
        with pytest.raises(AllModelsFailed) as caught:
            await client.wait(job, timeout=60)
        assert await client.recover() == []
    [attempt] = decided.attempts
    assert [type(one) for one in caught.value.exceptions] == [ResultGone]
    assert (decided.status, again.status) == (JobStatus.FAILED, JobStatus.FAILED)
    assert attempt.charged == ("yes" if charged else "no")
    assert used.held_micros == 0
    assert bool(used.spent_micros) == bool(spent)
    assert attempt.cost is not None
    assert used.spent_micros == attempt.cost.micros
    assert len(house.charges()) == 1


async def test_what_was_said_to_have_cost_is_not_booked_where_a_person_says_it_was_not(house: House) -> None:
    house.server.fault("runway", "expired_output")
    async with house.client(budgets=[Budget("5")]) as client:
        job = await client.submit("a fox", models=RUNWAY, duration=5)
        with pytest.raises(StillRunning):
            await client.wait(job, timeout=200)
        reported = (await client.job(job)).attempts[0].reported_cost
        assert reported is not None
        assert reported.micros > 0
        await client.resolve(job, charged=False)
        [used] = await client.budgets()
    assert (used.held_micros, used.spent_micros) == (0, 0)


async def test_a_clip_that_is_given_up_ends_a_job_that_was_to_be_canceled(house: House) -> None:
    async with house.client() as client:
        job = await stuck(house, client)
        with pytest.raises(StillRunning, match="jobs resolve"):
            await client.cancel(job, timeout=60)
        assert (await client.resolve(job, charged=False)).status is JobStatus.CANCELED


async def test_a_decision_holds_also_while_this_very_process_is_fetching(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house.client() as client:
        job = await stuck(house, client)
        store, overtaken = client._store, []
        write = store.write

        async def overtaken_write(*arguments: Any, **named: Any) -> Any:
            if not overtaken:
                overtaken.append(True)
                await house.clock.sleep(60)
                await client._engine.advance(job.id)
            return await write(*arguments, **named)

        monkeypatch.setattr(store, "write", overtaken_write)
        decided = await client.resolve(job, charged=True)
    assert overtaken
    assert decided.attempts[0].state is AttemptState.EXPIRED
    assert decided.status is JobStatus.FAILED
    assert len(house.charges()) == 1


async def test_the_error_names_the_way_out_while_it_hangs(house: House) -> None:
    async with house.client() as client:
        job = await stuck(house, client)
        with pytest.raises(StillRunning) as caught:
            await client.wait(job, timeout=60)
    assert "could not be fetched" in caught.value.message
    assert f"anyvideo jobs resolve {job.id} --charged|--not-charged" in str(caught.value.hint)
    assert "provider-job" not in str(caught.value.hint)


async def test_a_vendors_job_that_is_known_already_cannot_be_named(house: House) -> None:
    async with house.client() as client:
        job = await stuck(house, client)
        known = house.charges()[0].provider_job_id
        with pytest.raises(InvalidRequest, match="--charged") as caught:
            await client.resolve(job, provider_job=known)
        assert caught.value.field == "provider_job"
        house.server.clear_faults()
        await client.wait(job, timeout=600)


async def test_a_healthy_job_is_not_given_up(house: House) -> None:
    async with house.client() as client:
        job = await client.submit("a red fox on ice", models=LUMA)
        while not (await client.job(job)).finished:
            with pytest.raises((InvalidRequest, StaleWrite)):
                await client.resolve(job, charged=False)
            await house.clock.sleep(1)
        await client.wait(job, timeout=600)


async def test_another_process_that_fetches_it_now_is_left_alone(house: House) -> None:
    async with house.client() as client:
        job = await stuck(house, client)
    async with house.client() as client:
        lease = await client._store.lease(job.id, owner="elsewhere", now=house.clock.now(), seconds=60)
        assert lease is not None
        with pytest.raises(StaleWrite):
            await client.resolve(job, charged=False)
        assert (await client.job(job)).attempts[0].hold_micros > 0


async def test_two_lone_words_of_failure_are_no_minute_of_it(house: House) -> None:
    words = iter([REFUNDED, *[{"state": "dreaming", "assets": None}] * 8, REFUNDED])
    async with house.client() as client:
        job = await stuck(house, client)
        says(house, "luma", lambda: next(words, {"state": "dreaming", "assets": None}))
        with pytest.raises(StillRunning):
            await client.wait(job, timeout=900)
        [attempt] = (await client.job(job)).attempts
    assert next(words, None) is None
    assert attempt.state is AttemptState.DOWNLOADING


async def test_a_clip_that_was_fetched_and_waits_for_its_check_is_not_given_up(house: House) -> None:
    async with house.client() as client:
        job = await stuck(house, client)
    [attempt] = job.attempts
    here = house.folder / "videos" / f"{job.id}.{attempt.number}.{attempt.tag[:16]}.mp4"
    here.parent.mkdir(exist_ok=True)
    here.write_bytes(b"whole")
    async with house.client() as later:
        with pytest.raises(InvalidRequest, match="has been fetched"):
            await later.resolve(job, charged=True)


async def test_what_is_unknown_is_decided_before_a_clip_is_given_up(house: House) -> None:
    """The first attempt's fate is unknown, and the second's clip cannot be fetched for the moment."""
    house.server.fault("runway", "disconnect_after_accept", times=1)
    house.server.fault("runway", "expired_output")
    wish: dict[str, Any] = {"on_unknown": "resubmit", "max_duplicate_cost": "1.00"}
    async with house.client() as client:
        job = await client.submit("a red fox on ice", models=RUNWAY, duration=5, **wish)
        with pytest.raises(StillRunning):
            await client.wait(job, timeout=300)
        decided = await client.resolve(job, charged=True)
        assert [one.state for one in decided.attempts] == [AttemptState.FAILED, AttemptState.DOWNLOADING]
        house.server.clear_faults()
        assert (await client.wait(job)).path.exists()
