"""Batches against simulated vendors in virtual time: in parallel, within a budget, never bought twice."""

from __future__ import annotations

import heapq
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import PIL.Image
import pytest

from anyvideo import (
    AsyncClient,
    BatchFailed,
    BatchResult,
    BudgetExceeded,
    Client,
    Clip,
    Event,
    EventKind,
    IdempotencyConflict,
    InvalidRequest,
    NoModelFits,
    OutcomeUnknown,
    StillRunning,
    load_settings,
)

from .conftest import House

pytestmark = pytest.mark.anyio
LUMA = "luma/ray-flash-2"
SEEDANCE = "replicate/seedance-1-lite"
RUNWAY = "runway/gen4.5"


def clips(count: int, **options: Any) -> list[dict[str, Any]]:
    return [{"prompt": f"scene {number}: a red fox", "duration": 5, **options} for number in range(count)]


def own_times(house: House) -> list[float]:
    """How long each simulated job takes by itself, in the order in which they were accepted."""
    return [job.queued_for + job.runs_for for job in house.server.world.jobs.values()]


def schedule(times: list[float], slots: int) -> float:
    """When the last of these ends if each begins, in this order, as soon as a slot is free."""
    free = [0.0] * slots
    for seconds in times:
        heapq.heappush(free, heapq.heappop(free) + seconds)
    return max(free)


async def books_agree(house: House, client: AsyncClient, result: BatchResult) -> None:
    """What the result, the client's books and the vendors' own ledger say is the same money."""
    booked = sum(line.cost_micros or 0 for line in await client.spend())
    assert result.cost.amount == Decimal(house.billed()) == Decimal(booked) / 1_000_000


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("slots", [6, 5])
async def test_six_clips_take_no_longer_than_their_schedule(house: House, slots: int, seed: int) -> None:
    house.server.set_time(law={"kind": "lognormal", "median": 60, "sigma": 0.5}, seed=seed)
    async with house.client(store="memory:") as client:
        result = await client.batch(clips(6), models=LUMA, concurrency=slots)
        await books_agree(house, client, result)
    ideal = schedule(own_times(house), slots)
    assert (result.successful, result.failed) == (6, 0)
    assert result.wall_time <= 1.1 * ideal


async def test_a_result_tells_each_clips_facts(house: House) -> None:
    async with house.client(store="memory:") as client:
        result = await client.batch(
            [Clip(prompt="a fox", duration=5.4, index=7), {"prompt": "a hare"}], models=LUMA
        )
    first, second = result.clips
    assert (result.total, result.successful, result.failed) == (2, 2, 0)
    assert (first.index, second.index) == (7, 1)
    assert (first.target_duration, second.target_duration) == (5.4, 5.0)
    assert first.video is not None
    assert first.duration == first.video.info.duration == pytest.approx(5, abs=0.1)
    assert first.difference == pytest.approx(-0.4, abs=0.1)
    assert first.generation_time == pytest.approx(60, abs=5)
    assert (first.tries, len(first.attempts), first.error) == (1, 1, None)
    assert result.cost.micros == first.cost.micros + second.cost.micros > 0


async def test_a_failed_clip_is_a_result_among_delivered_ones(house: House) -> None:
    house.server.fault("luma", "failed", times=1)
    async with house.client(store="memory:") as client:
        result = await client.batch(clips(4), models=LUMA)
        await books_agree(house, client, result)
    [failed] = [clip for clip in result.clips if clip.video is None]
    assert (result.successful, result.failed) == (3, 1)
    assert type(failed.error).__name__ == "AllModelsFailed"
    assert failed.tries == 1


async def test_too_few_successes_keep_those_that_there_are(house: House) -> None:
    house.server.fault("luma", "failed", times=3)
    async with house.client(store="memory:") as client:
        with pytest.raises(BatchFailed, match="2 of 5 clips") as caught:
            await client.batch(clips(5), models=LUMA)
        result = caught.value.result
        assert len(result.videos) == 2
        assert all(video.path.exists() for video in result.videos)
        await books_agree(house, client, result)


async def test_each_clip_falls_back_by_itself(house: House) -> None:
    house.server.fault("luma", "failed", times=2)
    async with house.client(store="memory:") as client:
        result = await client.batch(clips(4), models=[LUMA, RUNWAY])
        await books_agree(house, client, result)
    assert result.successful == 4
    tried = sorted(tuple(attempt.model for attempt in clip.attempts) for clip in result.clips)
    assert tried == [(LUMA,), (LUMA,), (LUMA, RUNWAY), (LUMA, RUNWAY)]


async def test_what_may_pass_is_tried_three_times_after_2_and_4_seconds(house: House) -> None:
    house.server.fault("replicate", "failed", transient=True, times=5)
    async with house.client(store="memory:") as client:
        result = await client.batch(clips(1), models=SEEDANCE)
        await books_agree(house, client, result)
    [clip] = result.clips
    assert (clip.tries, len(clip.attempts)) == (3, 6)
    begun = [attempt.created_at for attempt in clip.attempts]
    ended = [attempt.finished_at for attempt in clip.attempts]
    pauses = [begun[2] - (ended[1] or begun[2]), begun[4] - (ended[3] or begun[4])]
    assert pauses == pytest.approx([timedelta(seconds=2), timedelta(seconds=4)], abs=timedelta(seconds=0.5))


async def test_what_cannot_pass_is_not_tried_again(house: House) -> None:
    house.server.fault("luma", "failed")
    async with house.client(store="memory:") as client:
        with pytest.raises(BatchFailed) as caught:
            await client.batch(clips(1), models=LUMA)
    assert [clip.tries for clip in caught.value.result.clips] == [1]
    assert house.posts() == 1


async def test_nothing_follows_an_unknown_outcome(house: House) -> None:
    house.server.fault("runway", "disconnect_after_accept", times=1)
    async with house.client(store="memory:") as client:
        result = await client.batch(clips(4), models=[RUNWAY, LUMA], concurrency=1)
        [lost] = [clip for clip in result.clips if clip.video is None]
        assert isinstance(lost.error, OutcomeUnknown)
        assert (lost.tries, len(lost.attempts)) == (1, 1)
        assert lost.held_micros > 0
        assert len(house.charges()) == 4
        again = await client.batch(clips(4), models=[RUNWAY, LUMA], concurrency=1)
    assert again.successful == 3
    assert house.posts() == 4


async def test_the_estimate_of_all_clips_is_checked_before_anything_is_sent(house: House) -> None:
    async with house.client(store="memory:") as client:
        with pytest.raises(BudgetExceeded, match="20 clips") as caught:
            await client.batch(clips(20), models=LUMA, budget="2.00")
    assert caught.value.field == "budget"
    assert house.posts() == 0


async def test_the_budget_holds_while_clips_wait_for_money_that_others_hold(house: House) -> None:
    """An attempt holds its ceiling, several times what it costs: clips wait for room instead of failing."""
    async with house.client(store="memory:") as client:
        plan = await client.plan("a fox", models="replicate/cogvideox-t2v", duration=6)
        [candidate] = plan.ready
        assert candidate.quote.ceiling_micros is not None
        assert candidate.quote.expected_micros is not None
        room = candidate.quote.ceiling_micros + 3 * candidate.quote.expected_micros
        assert room < 4 * candidate.quote.ceiling_micros
        budget = Decimal(room) / 1_000_000
        result = await client.batch(
            clips(4), models="replicate/cogvideox-t2v", budget=budget, concurrency=4, aspect_ratio="3:2"
        )
        await books_agree(house, client, result)
    assert result.successful == 4
    assert result.cost.amount <= budget


async def test_a_budget_that_runs_out_fails_the_rest(house: House) -> None:
    house.server.fault("luma", "failed", times=2)
    async with house.client(store="memory:") as client:
        result = await client.batch(
            clips(3), models=[LUMA, RUNWAY], budget="1.00", concurrency=1, min_successes=1
        )
        await books_agree(house, client, result)
    assert result.cost.amount <= Decimal("1.00")
    assert result.failed >= 1
    assert all("budget" in str(clip.error) or clip.attempts for clip in result.clips if clip.error)


@pytest.mark.parametrize(
    ("requests", "options", "field"),
    [
        ([{"prompt": "a fox"}], {"min_successes": 2}, "min_successes"),
        ([{"prompt": "a fox"}], {"min_successes": -1}, "min_successes"),
        ([{"prompt": "a fox"}], {"concurrency": 0}, "concurrency"),
        ([{"prompt": "a fox"}], {"tries": 0}, "tries"),
        ([{"prompt": "a fox"}], {"batch_id": "../x"}, "batch_id"),
        ([{"prompt": "a fox"}], {"budget": "much"}, "budget"),
        ([{"prompt": "a fox"}], {"job_id": "mine"}, "job_id"),
        ([{"prompt": "a fox", "colour": "red"}], {}, "colour"),
        ([{"prompt": "a fox", "index": 1}, {"prompt": "a hare", "index": 1}], {}, "index"),
        ([{"prompt": "a fox", "index": -1}], {}, "index"),
        ([{"prompt": "a fox"}, {"prompt": "a hare", "duration": -1}], {}, "duration"),
        ([{}], {}, "prompt"),
        ([], {}, "requests"),
        ("a fox", {}, "requests"),
        (["a fox"], {}, "requests"),
    ],
)
async def test_a_wrong_batch_is_named_before_anything_is_sent(
    house: House, requests: Any, options: dict[str, Any], field: str
) -> None:
    async with house.client(store="memory:") as client:
        with pytest.raises(InvalidRequest) as caught:
            await client.batch(requests, **options)
    assert caught.value.field == field
    assert house.posts() == 0


async def test_a_batch_that_no_model_can_do_is_turned_down(house: House) -> None:
    async with house.client(store="memory:") as client:
        with pytest.raises(NoModelFits):
            await client.batch(clips(3), models="replicate/stable-video-diffusion")
    assert house.posts() == 0


async def test_a_clip_that_no_model_can_do_fails_alone(house: House) -> None:
    requests = [*clips(3), {"prompt": "a hare", "models": ["replicate/stable-video-diffusion"]}]
    async with house.client(store="memory:") as client:
        result = await client.batch(requests, models=LUMA)
    assert [type(clip.error).__name__ for clip in result.clips if clip.error] == ["NoModelFits"]
    assert result.successful == 3


async def test_the_same_batch_again_buys_nothing(house: House) -> None:
    async with house.client() as client:
        first = await client.batch(clips(4), models=LUMA, poll_interval=20)
    async with house.client() as client:
        second = await client.batch(clips(4), models=LUMA, poll_interval=20)
        with pytest.raises(InvalidRequest, match="was begun before"):
            await client.batch(clips(4), models=LUMA, poll_interval=20, resume=False)
        with pytest.raises(InvalidRequest, match="nothing of batch new is recorded"):
            await client.batch(clips(4), models=LUMA, poll_interval=20, batch_id="new", resume=True)
        third = await client.batch(clips(4), models=LUMA, poll_interval=20, batch_id="another")
    assert [clip.job_ids for clip in first.clips] == [clip.job_ids for clip in second.clips]
    assert first.cost == second.cost
    assert third.id == "another"
    assert len(house.charges()) == 8


async def test_a_later_run_tries_failed_clips_again(house: House) -> None:
    house.server.fault("luma", "failed", times=2)
    async with house.client(store="memory:") as client:
        first = await client.batch(clips(5), models=LUMA)
        second = await client.batch(clips(5), models=LUMA)
        await books_agree(house, client, second)
    assert (first.successful, second.successful) == (3, 5)
    assert len(house.charges()) == 7
    assert sorted(clip.tries for clip in second.clips) == [1, 1, 1, 2, 2]


async def test_a_refused_prompt_is_never_asked_again(house: House) -> None:
    house.server.fault("luma", "moderated_input", times=1)
    async with house.client(store="memory:") as client:
        await client.batch(clips(4), models=LUMA)
        again = await client.batch(clips(4), models=LUMA)
    assert (again.successful, house.posts()) == (3, 4)


async def test_a_changed_clip_does_not_pass_for_the_recorded_one(house: House) -> None:
    async with house.client(store="memory:") as client:
        await client.batch([{"prompt": "a fox"}], models=LUMA, batch_id="mine")
        with pytest.raises(IdempotencyConflict, match="clip 0"):
            await client.batch([{"prompt": "a hare"}], models=LUMA, batch_id="mine")
    assert house.posts() == 1


async def test_no_later_run_buys_past_an_unknown_attempt(house: House) -> None:
    wish: dict[str, Any] = {"models": RUNWAY, "batch_id": "film", "min_successes": 0}
    async with house.client(store="memory:") as client:
        house.server.fault("runway", "disconnect_after_accept", times=1)
        house.server.fault("runway", "failed", times=2)
        for _ in range(3):
            result = await client.batch(clips(1), on_unknown="resubmit", max_duplicate_cost="0.60", **wish)
            [clip] = result.clips
            assert isinstance(clip.error, OutcomeUnknown)
            assert clip.error.hint is not None
            assert "anyvideo jobs resolve film-0" in clip.error.hint
            assert clip.held_micros > 0
            assert house.posts() == 2
        await client.resolve("film-0", charged=False)
        decided = await client.batch(clips(1), on_unknown="resubmit", max_duplicate_cost="0.60", **wish)
    assert (decided.successful, house.posts()) == (1, 3)


def picture(path: Path, colour: str) -> str:
    PIL.Image.new("RGB", (768, 768), colour).save(path)
    return str(path)


async def test_another_picture_is_another_clip(house: House) -> None:
    fox, cat = (picture(house.folder / f"{colour}.png", colour) for colour in ("navy", "maroon"))
    given: list[str | None] = [None, fox, "https://example.com/fox.png"]
    async with house.client(store="memory:") as client:
        for before in given:
            batch_id = f"film{given.index(before)}"
            wish: dict[str, Any] = {"models": RUNWAY, "batch_id": batch_id}
            await client.batch([{"prompt": "a fox", "image": before}], **wish)
            bought = house.posts()
            for after in {*given, cat} - {before}:
                with pytest.raises(IdempotencyConflict, match="clip 0"):
                    await client.batch([{"prompt": "a fox", "image": after}], **wish)
            again = await client.batch([{"prompt": "a fox", "image": before}], **wish)
            assert (again.successful, house.posts()) == (1, bought)


async def test_closing_the_client_ends_a_batch_that_is_under_way(house: House) -> None:
    house.server.set_time(600)
    failed: list[BatchFailed] = []

    async def run(client: AsyncClient) -> None:
        with pytest.raises(BatchFailed) as caught:
            await client.batch(clips(2), models=LUMA, poll_interval=60)
        failed.append(caught.value)

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks, house.client() as client:
            tasks.start_soon(run, client)
            while len(house.charges()) < 2:
                await house.clock.sleep(0.5)
    [error] = failed
    assert all(isinstance(clip.error, StillRunning) for clip in error.result.clips)


async def test_a_clip_tells_what_was_dropped(house: House) -> None:
    image = picture(house.folder / "lake.png", "navy")
    async with house.client(store="memory:") as client:
        result = await client.batch(
            [{"prompt": "a fox", "image": image}], models="replicate/stable-video-diffusion"
        )
    assert "prompt" in [change.field for change in result.clips[0].adjustments]


async def test_a_misspelt_key_is_answered_with_the_near_one(house: House) -> None:
    async with house.client(store="memory:") as client:
        with pytest.raises(InvalidRequest, match="did you mean prompt") as caught:
            await client.batch([{"promt": "a fox", "image": "https://example.com/fox.png"}])
    assert caught.value.field == "promt"


async def test_a_client_that_was_closed_in_the_middle_is_followed_by_another(house: House) -> None:
    house.server.set_time(600)
    async with house.client() as client:
        result = await client.batch(clips(4), models=LUMA, timeout=60, min_successes=0, poll_interval=30)
        assert {type(clip.error).__name__ for clip in result.clips} == {"StillRunning"}
        assert result.held_micros > 0
    async with house.client() as client:
        result = await client.batch(clips(4), models=LUMA)
        await books_agree(house, client, result)
    assert (result.successful, len(house.charges())) == (4, 4)


async def test_progress_is_one_fraction_that_only_grows(house: House) -> None:
    house.server.fault("runway", "failed", times=1)
    async with house.client(store="memory:") as client:
        await client.batch(clips(4), models=RUNWAY, concurrency=2, batch_id="mine")
    told = [event for event in house.events if event.kind is EventKind.BATCH_PROGRESS]
    shares = [event.progress for event in told if event.progress is not None]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert len(shares) > 12
    assert {event.batch_id for event in told} == {"mine"}
    ends = [event for event in house.events if event.kind is EventKind.JOB_ENDED]
    assert sorted(event.clip for event in ends if event.clip is not None) == [0, 1, 2, 3]


async def test_nothing_is_sent_before_the_hour(house: House) -> None:
    async with house.client(store="memory:") as client:
        begin = house.clock.now() + timedelta(hours=3)
        result = await client.batch(clips(2), models=LUMA, not_before=begin)
    asked = [attempt.created_at for clip in result.clips for attempt in clip.attempts]
    assert all(at >= begin for at in asked)
    assert result.wall_time < 120


async def test_two_clients_at_once_buy_a_batch_once(house: House) -> None:
    results: list[BatchResult] = []

    async def run(client: AsyncClient) -> None:
        results.append(await client.batch(clips(6), models=LUMA, budget="1.50", poll_interval=10))

    async with house.client() as one, house.client() as two, anyio.create_task_group() as tasks:
        tasks.start_soon(run, one)
        tasks.start_soon(run, two)
    assert [result.successful for result in results] == [6, 6]
    assert len(house.charges()) == 6


def test_a_batch_looks_the_same_from_the_other_client(house: House) -> None:
    settings = load_settings(environ=house.server.env, folder=house.folder)
    events: list[Event] = []
    with Client(store="memory:", settings=settings, clock=house.clock, on_event=events.append) as client:
        result = client.batch(clips(2), models=LUMA)
    assert result.successful == 2
    assert events[-1].kind is EventKind.BATCH_PROGRESS


async def test_a_chosen_profile_says_how_many_at_once_and_how_much(house: House) -> None:
    development = {"environ": {"ANYVIDEO_PROFILE": "development"}}
    async with house.client(store="memory:", **development) as client:
        with pytest.raises(BudgetExceeded, match=r"2\.00 USD"):
            await client.batch(clips(40))
        result = await client.batch(clips(6), models=LUMA)
    moments = [(attempt.created_at, 1) for clip in result.clips for attempt in clip.attempts] + [
        (attempt.finished_at, -1) for clip in result.clips for attempt in clip.attempts if attempt.finished_at
    ]
    together = [sum(step for at, step in moments if at <= now) for now, _ in moments]
    assert max(together) == 3


async def test_what_a_profile_wants_and_a_model_cannot_is_listed(house: House) -> None:
    request = {"prompt": "a fox", "models": "replicate/cogvideox-t2v"}
    async with house.client(store="memory:") as client:
        plain = await client.plan(**request)
    async with house.client(store="memory:", environ={"ENVIRONMENT": "production"}) as client:
        planned = await client.plan(**request)
        strict = await client.plan(**request, strict=True)
        own = await client.plan(**request, steps=30)
    [candidate] = planned.ready
    changes = {change.field: change for change in candidate.fit.adjustments}
    assert candidate.fit.inputs["num_inference_steps"] == 25
    assert own.ready[0].fit.inputs["num_inference_steps"] == 30
    assert changes.keys() >= {"aspect_ratio", "fps", "motion"}
    assert changes["aspect_ratio"].given is None
    assert "profile production" in changes["aspect_ratio"].reason
    assert [one.fit for one in strict.ready] == [one.fit for one in plain.ready]
    assert "num_inference_steps" not in plain.ready[0].fit.inputs


async def test_a_profile_bounds_the_length(house: House) -> None:
    async with house.client(store="memory:", environ={"ANYVIDEO_PROFILE": "development"}) as client:
        planned = await client.plan("a fox", duration=9, models=[LUMA, SEEDANCE, RUNWAY])
    lengths = {candidate.model: candidate.fit.duration for candidate in planned.ready}
    assert lengths == {LUMA: 5, SEEDANCE: 4, RUNWAY: 4}
    assert all("duration" in {change.field for change in one.fit.adjustments} for one in planned.ready)
    prices = [candidate.quote.expected_micros or 0 for candidate in planned.ready]
    assert prices == sorted(prices)
