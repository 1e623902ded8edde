"""Money as a caller meets it: keys, caches, caps, budgets, what is unknown, what is recovered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import anyio
import pytest

from anyvideo import (
    AttemptState,
    Budget,
    BudgetExceeded,
    ConfigurationError,
    EventKind,
    IdempotencyConflict,
    InvalidRequest,
    JobStatus,
    OutcomeUnknown,
    StillRunning,
)
from anyvideo.jobs.points import watcher
from anyvideo.types.money import dollars

from .conftest import House

pytestmark = pytest.mark.anyio
RUNWAY, LUMA, SEEDANCE = "runway/gen4.5", "luma/ray-flash-2", "replicate/seedance-1-lite"


class Crash(BaseException):
    """The process is gone."""


@contextmanager
def crash_at(point: str) -> Iterator[None]:
    """Die at a named point, and swallow the death."""

    def watch(name: str) -> None:
        if name == point:
            raise Crash(point)

    token = watcher.set(watch)
    try:
        with pytest.raises(BaseException) as caught:  # noqa: PT011 - a group around a Crash
            yield
        assert Crash.__name__ in repr(caught.value)
    finally:
        watcher.reset(token)


async def ceiling(house: House, model: str) -> int:
    """Micro-dollars that are held for five seconds of a model."""
    async with house.client(store="memory:") as client:
        (candidate,) = (await client.plan("a fox", models=model, duration=5)).ready
    assert candidate.quote.ceiling_micros is not None
    return candidate.quote.ceiling_micros


# Idempotency


async def test_the_same_key_buys_once(house: House) -> None:
    wish = {"models": RUNWAY, "duration": 5, "idempotency_key": "order-7"}
    async with house.client() as client:
        jobs = []

        async def ask() -> None:
            jobs.append(await client.submit("a fox", **wish))

        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(ask)
        video = await client.wait(jobs[0])
        again = await client.generate("a fox", **wish)
    async with house.client() as later:
        last = await later.generate("a fox", **{**wish, "duration": 5.0})
    assert {job.id for job in jobs} == {video.job_id, again.job_id, last.job_id}
    assert len(house.charges()) == house.posts() == 1


@pytest.mark.parametrize("other", [{"duration": 8}, {"seed": 7}, {"models": LUMA}, {"aspect_ratio": "9:16"}])
async def test_the_same_key_with_another_request_is_an_error(house: House, other: dict[str, object]) -> None:
    wish = {"models": RUNWAY, "duration": 5, "idempotency_key": "order-7"}
    async with house.client() as client:
        job = await client.submit("a fox", **wish)
        with pytest.raises(IdempotencyConflict) as caught:
            await client.submit("a fox", **{**wish, **other})
        await client.wait(job)
    assert job.id in str(caught.value)
    assert house.posts() == 1


async def test_a_key_that_was_used_before_a_crash_finds_the_job(house: House) -> None:
    with crash_at("W3.after"):
        async with house.client() as client:
            await client.generate("a fox", models=RUNWAY, idempotency_key="order-7")
    house.clock.advance(100)
    async with house.client() as client:
        await client.generate("a fox", models=RUNWAY, idempotency_key="order-7")
    assert len(house.charges()) == house.posts() == 1


# Cache


async def test_only_an_identical_clip_whose_file_is_there_is_used_again(house: House) -> None:
    wish = {"models": SEEDANCE, "duration": 5, "seed": 1, "cache": True}
    async with house.client() as client:
        first = await client.generate("a fox", **wish)
        assert (await client.generate("a fox", **wish)).job_id == first.job_id
        assert len(house.charges()) == 1
        for other in ({"seed": 2}, {"duration": 6}, {"cache": False}, {"resolution": "480p"}):
            assert (await client.generate("a fox", **{**wish, **other})).job_id != first.job_id
        assert len(house.charges()) == 5
        found = await client.generate("a fox", **wish)
        assert found.path.exists()
        for job in await client.jobs():
            assert job.artifact is not None
            job.artifact.path.unlink()
        await client.generate("a fox", **wish)
    assert len(house.charges()) == 6


async def test_an_unfinished_clip_is_no_cached_one(house: House) -> None:
    async with house.client() as client:
        first = await client.submit("a fox", models=RUNWAY, cache=True)
        second = await client.submit("a fox", models=RUNWAY, cache=True)
        assert first.id != second.id
        await client.wait(first)
        await client.wait(second)
    assert len(house.charges()) == 2


# Budgets


async def test_scopes_nest_and_a_refusal_holds_nothing_in_any(house: House) -> None:
    price = await ceiling(house, RUNWAY)
    alice = Budget(dollars(2 * price), scope="user:alice")
    project = Budget(dollars(3 * price), scope="project")
    async with house.client(budgets=[project]) as client:
        for _ in range(2):
            await client.generate("a fox", models=RUNWAY, duration=5, budgets=[alice])
        with pytest.raises(BudgetExceeded) as caught:
            await client.submit("a fox", models=RUNWAY, duration=5, budgets=[alice])
        assert "user:alice" in str(caught.value)
        bob = Budget(dollars(3 * price), scope="user:bob")
        await client.generate("a fox", models=RUNWAY, duration=5, budgets=[bob])
        with pytest.raises(BudgetExceeded) as caught:
            await client.submit("a fox", models=RUNWAY, duration=5, budgets=[bob])
        assert "project" in str(caught.value)
        (used,) = await client.budgets()
    assert (used.held_micros, used.spent_micros) == (0, 3 * price)
    assert house.posts() == 3


async def test_an_unused_part_of_a_hold_can_be_spent_again(house: House) -> None:
    """A failed generation costs less than what was held for it."""
    house.server.fault("luma", "failed", times=1)
    price = await ceiling(house, LUMA)
    async with house.client(budgets=[Budget(dollars(price))]) as client:
        with pytest.raises(ExceptionGroup):
            await client.generate("a fox", models=LUMA, duration=5)
        (used,) = await client.budgets()
        assert used.held_micros == 0
        if used.spent_micros == 0:
            await client.generate("a fox", models=LUMA, duration=5)


async def test_a_period_begins_anew_and_a_hold_stays_in_its_own(house: House) -> None:
    price = await ceiling(house, RUNWAY)
    daily = Budget(dollars(price), period="day")
    house.server.fault("runway", "disconnect_after_accept", times=1)
    async with house.client(budgets=[daily]) as client:
        with pytest.raises(OutcomeUnknown) as caught:
            await client.generate("a fox", models=RUNWAY, duration=5)
        with pytest.raises(BudgetExceeded):
            await client.submit("a fox", models=RUNWAY, duration=5)
        house.clock.advance(86_400)
        await client.generate("a fox", models=RUNWAY, duration=5)
        (today,) = await client.budgets()
        await client.resolve(caught.value.job_id, charged=True)
        (still,) = await client.budgets()
    assert (today.held_micros, today.spent_micros) == (0, price)
    assert today == still


async def test_the_next_candidate_is_taken_when_the_first_does_not_fit_the_budget(house: House) -> None:
    cheap, dear = sorted([await ceiling(house, RUNWAY), await ceiling(house, SEEDANCE)])
    assert cheap < dear
    async with house.client(budgets=[Budget(dollars(cheap))]) as client:
        video = await client.generate("a fox", models=[RUNWAY, SEEDANCE], duration=5)
        assert video.model == SEEDANCE
        with pytest.raises(BudgetExceeded):
            await client.generate("a fox", models=[RUNWAY, SEEDANCE], duration=5)
    assert len(house.charges()) == 1


async def test_max_cost_caps_all_attempts_of_a_call_together(house: House) -> None:
    """The first one fails and is billed: what is left does not pay for the second, but for the third."""
    house.server.fault("replicate", "failed")
    prices = {model: await ceiling(house, model) for model in (SEEDANCE, RUNWAY, LUMA)}
    models = sorted(prices, key=lambda model: prices[model])
    async with house.client() as client:
        with pytest.raises(BudgetExceeded) as caught:
            await client.submit("a fox", models=models, duration=5, max_cost=dollars(prices[models[0]] - 1))
        assert caught.value.field == "max_cost"
        house.server.clear_faults()
        house.server.fault("runway", "disconnect_after_accept", times=1)
        cap = prices[RUNWAY] + prices[SEEDANCE] - 1
        with pytest.raises(OutcomeUnknown) as unknown:
            await client.generate(
                "a fox",
                models=[RUNWAY, SEEDANCE],
                duration=5,
                max_cost=dollars(cap),
                on_unknown="resubmit",
                max_duplicate_cost="5.00",
            )
        job = await client.job(unknown.value.job_id)
    assert sum(attempt.hold_micros for attempt in job.attempts) <= cap
    assert house.posts() == 1


async def test_each_threshold_is_told_once(house: House) -> None:
    price = await ceiling(house, RUNWAY)
    async with house.client(budgets=[Budget(dollars(4 * price))]) as client:
        for _ in range(4):
            await client.generate("a fox", models=RUNWAY, duration=5)
    told = [event.threshold for event in house.events if event.kind is EventKind.BUDGET_THRESHOLD]
    assert [one.percent for one in told if one is not None] == [50, 80, 100]
    used = [one.used_micros for one in told if one is not None]
    assert used == [2 * price, 4 * price, 4 * price]


async def test_what_is_unknown_stays_held_until_somebody_decides(house: House) -> None:
    price = await ceiling(house, RUNWAY)
    async with house.client(budgets=[Budget("10")]) as client:
        jobs = []
        for _ in range(3):
            house.server.fault("runway", "disconnect_after_accept", times=1)
            with pytest.raises(OutcomeUnknown) as caught:
                await client.generate("a fox", models=RUNWAY, duration=5)
            jobs.append(caught.value.job_id)
        (used,) = await client.budgets()
        assert (used.held_micros, used.spent_micros) == (3 * price, 0)
        await client.resolve(jobs[0], charged=True)
        await client.resolve(jobs[1], charged=False)
        await client.resolve(jobs[2], provider_job=house.charges()[2].provider_job_id)
        await client.wait(jobs[2])
        (used,) = await client.budgets()
    assert (used.held_micros, used.spent_micros) == (0, 2 * price)


# What the settings say of unknown outcomes


async def test_the_settings_may_say_that_an_unknown_one_is_bought_again(house: House) -> None:
    (house.folder / "anyvideo.toml").write_text('on_unknown = "resubmit"\nmax_duplicate_cost = "0.70"\n')
    house.server.fault("runway", "disconnect_after_accept", times=2)
    async with house.client() as client:
        with pytest.raises(OutcomeUnknown) as caught:
            await client.generate("a fox", models=RUNWAY, duration=5)
        assert len((await client.job(caught.value.job_id)).attempts) == 2
        house.server.fault("runway", "disconnect_after_accept", times=1)
        with pytest.raises(OutcomeUnknown) as caught:
            await client.generate("a fox", models=RUNWAY, duration=5, on_unknown="hold")
        assert len((await client.job(caught.value.job_id)).attempts) == 1
    assert house.posts() == 3


async def test_a_calls_smaller_cap_on_buying_again_beats_the_settings(house: House) -> None:
    (house.folder / "anyvideo.toml").write_text('on_unknown = "resubmit"\nmax_duplicate_cost = "5.00"\n')
    house.server.fault("runway", "disconnect_after_accept", times=2)
    async with house.client() as client:
        with pytest.raises(OutcomeUnknown):
            await client.generate("a fox", models=RUNWAY, duration=5, max_duplicate_cost="0.01")
    assert house.posts() == 1


@pytest.mark.parametrize("says", ["", 'on_unknown = "hold"\n', 'on_unknown = "resubmit"\n'])
async def test_a_call_that_may_buy_again_uses_the_settings_cap(house: House, says: str) -> None:
    (house.folder / "anyvideo.toml").write_text(f'{says}max_duplicate_cost = "0.70"\n')
    house.server.fault("runway", "disconnect_after_accept", times=2)
    async with house.client() as client:
        with pytest.raises(OutcomeUnknown):
            await client.generate("a fox", models=RUNWAY, duration=5, on_unknown="resubmit")
        assert house.posts() == 2
        house.server.fault("runway", "disconnect_after_accept", times=2)
        with pytest.raises(OutcomeUnknown):
            await client.generate(
                "a fox", models=RUNWAY, duration=5, on_unknown="resubmit", max_duplicate_cost="0.01"
            )
    assert house.posts() == 3


async def test_a_batch_that_may_buy_again_uses_the_settings_cap(house: House) -> None:
    (house.folder / "anyvideo.toml").write_text('max_duplicate_cost = "0.70"\n')
    house.server.fault("runway", "disconnect_after_accept", times=1)
    async with house.client() as client:
        result = await client.batch(
            [{"prompt": "a fox"}], models=RUNWAY, duration=5, on_unknown="resubmit", min_successes=1
        )
    assert result.successful == 1
    assert house.posts() == 2


async def test_settings_that_buy_again_without_a_cap_are_refused_before_anything_is_bought(
    house: House,
) -> None:
    (house.folder / "anyvideo.toml").write_text('on_unknown = "resubmit"\n')
    async with house.client() as client:
        with pytest.raises(ConfigurationError) as caught:
            await client.submit("a fox", models=RUNWAY, duration=5)
        assert caught.value.field == "max_duplicate_cost"
        assert "anyvideo.toml" in str(caught.value)
        assert not house.charges()
        assert await client.jobs() == []
        await client.generate("a fox", models=RUNWAY, duration=5, on_unknown="hold")
        await client.generate("a fox", models=RUNWAY, duration=5, max_duplicate_cost="0.70")


async def test_buying_again_without_a_cap_is_refused(house: House) -> None:
    async with house.client() as client:
        with pytest.raises(InvalidRequest) as caught:
            await client.submit("a fox", models=RUNWAY, on_unknown="resubmit")
    assert caught.value.field == "max_duplicate_cost"
    assert not house.charges()


async def test_the_windows_are_settings(house: House) -> None:
    (house.folder / "anyvideo.toml").write_text("[recovery]\nquiet = 600\nlook = 5\n")
    house.server.fault("luma", "disconnect_before_accept", times=1)
    begun = house.clock.monotonic()
    async with house.client() as client:
        await client.generate("a fox", models=[LUMA, RUNWAY])
    assert house.clock.monotonic() - begun >= 600


# Recovery


async def test_another_accounts_jobs_are_elsewhere(house: House) -> None:
    async with house.client() as client:
        with pytest.raises(StillRunning) as caught:
            await client.generate("a fox", models=RUNWAY, timeout=5)
        other = await client.submit("a fox", models=LUMA)
        while len(house.charges()) < 2:
            await house.clock.sleep(1)
    stranger = {"RUNWAYML_API_SECRET": "key_" + "5" * 128}
    async with house.client(environ=stranger) as client:
        found = {one.job.id: one for one in await client.recover()}
        left = await client.job(caught.value.job_id)
    assert found[other.id].outcome == "delivered"
    assert found[left.id].outcome == "elsewhere"
    assert left.status in (JobStatus.QUEUED, JobStatus.RUNNING)
    async with house.client() as client:
        assert [(one.job.id, one.outcome) for one in await client.recover()] == [(left.id, "delivered")]
        assert await client.recover() == []
    assert len(house.charges()) == house.posts() == 2


async def test_of_finished_clips_the_first_to_expire_is_brought_home_first(house: House) -> None:
    """One vendor keeps a result for a day, the other for an hour; neither waits for a job that still runs."""
    (house.folder / "anyvideo.toml").write_text("concurrency = 1\ndownloads = 1\n")
    async with house.client() as client:
        day = await client.submit("a fox", models=RUNWAY)
        hour = await client.submit("a hare", models=SEEDANCE)
        running = await client.submit("an owl", models=LUMA)
        while len(house.charges()) < 3:
            await house.clock.sleep(1)
    for finished in (day, hour):
        with crash_at("file.part"):
            async with house.client() as client:
                await client.wait(finished)
    house.events.clear()
    async with house.client() as client:
        for finished in (day, hour):
            assert (await client.job(finished)).attempts[0].state is AttemptState.DOWNLOADING
        await client.recover()
    ends = [event.job_id for event in house.events if event.kind is EventKind.JOB_ENDED]
    assert ends == [hour.id, day.id, running.id]


async def test_a_clip_that_lies_on_the_disk_needs_its_link_no_more(house: House) -> None:
    """Killed between the file and the record of it, and the vendor has forgotten the file in the meantime."""
    with crash_at("file.renamed"):
        async with house.client() as client:
            await client.generate("a fox", models=SEEDANCE)
    (clip,) = house.folder.rglob("*.mp4")
    content = clip.read_bytes()
    house.server.fault("replicate", "expired_output")
    house.clock.advance(timedelta(hours=2).total_seconds())
    async with house.client() as client:
        (found,) = await client.recover()
    assert found.outcome == "delivered"
    assert found.job.artifact is not None
    assert found.job.artifact.path.read_bytes() == content
    assert len(house.charges()) == 1


@pytest.mark.parametrize(
    "point", ["W2.before", "W2.after", "W3.before", "W4.after", "W5.before", "W6.before"]
)
async def test_a_drawing_that_was_interrupted_is_drawn(house: House, point: str) -> None:
    with crash_at(point):
        async with house.client() as client:
            await client.generate("a fox", models="local/animatic", duration=0.5, resolution="360p", fps=4)
    house.clock.advance(100)
    async with house.client() as client:
        assert [one.outcome for one in await client.recover()] == ["delivered"]
    assert not house.charges()


async def test_what_has_no_price_is_not_bought_again(house: House) -> None:
    """A cap in dollars cannot hold what nobody can price."""
    (house.folder / "mine.toml").write_text('[[model]]\nid = "gen4.5"\nprice = []\n')
    (house.folder / "anyvideo.toml").write_text('[catalogs]\nrunway = "mine.toml"\n')
    house.server.fault("runway", "disconnect_after_accept")
    async with house.client() as client:
        with pytest.raises(OutcomeUnknown):
            await client.generate(
                "a fox",
                models=RUNWAY,
                duration=5,
                allow_unpriced=True,
                on_unknown="resubmit",
                max_duplicate_cost="0.50",
                timeout=300,
            )
    assert len(house.charges()) == 1
