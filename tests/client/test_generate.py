from __future__ import annotations

import io
import time
from decimal import Decimal

import pytest
from PIL import Image as Picture

from anyvideo import (
    AllModelsFailed,
    AttemptState,
    CostBasis,
    EventKind,
    InvalidRequest,
    JobCanceled,
    JobStatus,
    OutcomeUnknown,
    StillRunning,
)

from .conftest import House

pytestmark = pytest.mark.anyio
MODELS = ["replicate/seedance-1-lite", "runway/gen4.5", "luma/ray-flash-2"]


def picture() -> bytes:
    content = io.BytesIO()
    Picture.new("RGB", (320, 180), "navy").save(content, "PNG")
    return content.getvalue()


@pytest.mark.parametrize("model", MODELS)
async def test_a_prompt_becomes_a_checked_file_that_was_paid_once(house: House, model: str) -> None:
    async with house.client() as client:
        video = await client.generate("a red fox", models=model, duration=5)
    assert video.model == model
    assert video.path.read_bytes()[4:8] == b"ftyp"
    assert video.duration == pytest.approx(5, abs=0.2)
    [charge] = house.charges()
    assert Decimal(charge.amount) == video.cost.amount
    [attempt] = video.attempts
    assert attempt.state is AttemptState.SETTLED
    assert [write.name for write in attempt.writes if write.name.startswith("W")] == [
        "W1", "W2", "W3", "W4", "W5", "W6",
    ]  # fmt: skip


async def test_ten_minutes_of_waiting_take_no_time(house: House) -> None:
    house.server.set_time(600.0)
    begun, virtual = time.monotonic(), house.clock.monotonic()
    async with house.client() as client:
        await client.generate("a red fox", models="runway/gen4.5", timeout=1200)
    assert house.clock.monotonic() - virtual >= 600
    assert time.monotonic() - begun < 30


async def test_the_reported_cost_wins_over_the_computed_one(house: House) -> None:
    async with house.client() as client:
        reported = await client.generate("a fox", models="runway/gen4.5", duration=5)
        computed = await client.generate("a fox", models="luma/ray-flash-2", duration=5)
    assert reported.cost.basis is CostBasis.REPORTED
    assert computed.cost.basis is CostBasis.COMPUTED


async def test_the_next_candidate_delivers_when_the_first_is_down_and_the_second_fails(house: House) -> None:
    house.server.fault("replicate", "model_down", model="stability-ai/stable-video-diffusion")
    house.server.fault("replicate", "failed", model="thudm/cogvideox-i2v")
    async with house.client() as client:
        video = await client.generate("a fox", image=picture())
        assert [attempt.model for attempt in video.attempts] == [
            "replicate/stable-video-diffusion", "replicate/cogvideox-i2v", "runway/gen4_turbo",
        ]  # fmt: skip
        assert [attempt.charged for attempt in video.attempts] == ["no", "no", "yes"]
        planned = await client.plan("a fox", image=picture())
        assert "replicate/stable-video-diffusion" not in [candidate.model for candidate in planned.candidates]


TAKEN = ["disconnect_after_accept", "error_500_after_accept", "malformed_body"]
NOT_TAKEN = ["disconnect_before_accept", "error_500_before_accept"]


@pytest.mark.parametrize("fault", TAKEN + NOT_TAKEN)
async def test_where_nobody_can_tell_a_lost_answer_is_held_and_nothing_is_sent_again(
    house: House, fault: str
) -> None:
    house.server.fault("runway", fault)
    async with house.client() as client:
        with pytest.raises(OutcomeUnknown) as caught:
            await client.generate("a fox", models=["runway/gen4.5", "luma/ray-2"])
        job = await client.job(caught.value.job_id)
    assert job.status is JobStatus.UNKNOWN
    [attempt] = job.attempts
    assert attempt.hold_micros > 0
    assert len(house.charges()) <= 1
    assert house.posts() == 1


@pytest.mark.parametrize("fault", TAKEN)
@pytest.mark.parametrize("model", ["replicate/seedance-1-lite", "luma/ray-flash-2"])
async def test_a_job_whose_answer_was_lost_is_found_again_in_the_list(
    house: House, model: str, fault: str
) -> None:
    house.server.fault(model.partition("/")[0], fault)
    async with house.client() as client:
        video = await client.generate("a fox", models=model)
    assert [charge.state for charge in house.charges()] == ["succeeded"]
    assert house.posts() == 1
    [attempt] = video.attempts
    assert attempt.ref is not None
    assert attempt.ref.job_id == house.charges()[0].provider_job_id


@pytest.mark.parametrize("fault", NOT_TAKEN)
@pytest.mark.parametrize("model", ["replicate/seedance-1-lite", "luma/ray-flash-2"])
async def test_the_next_candidate_follows_only_after_the_quiet_window(
    house: House, model: str, fault: str
) -> None:
    house.server.fault(model.partition("/")[0], fault, times=1)
    begun = house.clock.monotonic()
    async with house.client() as client:
        video = await client.generate("a fox", models=[model, "runway/gen4.5"])
    first, second = video.attempts
    assert (first.charged, second.model) == ("no", "runway/gen4.5")
    assert house.clock.monotonic() - begun >= 180
    assert [charge.provider for charge in house.charges()] == ["runway"]


async def test_equal_lost_purchases_share_out_what_the_list_shows_one_to_one(house: House) -> None:
    house.server.fault("replicate", "disconnect_after_accept", times=3)
    async with house.client() as client:
        jobs = [await client.submit("a fox", models="replicate/seedance-1-lite") for _ in range(3)]
        videos = [await client.wait(job) for job in jobs]
    handles = {video.attempts[0].ref.job_id for video in videos if video.attempts[0].ref}
    assert handles == {charge.provider_job_id for charge in house.charges()}
    assert len(handles) == 3


async def test_buying_again_is_the_callers_choice_and_capped(house: House) -> None:
    house.server.fault("runway", "disconnect_after_accept", times=1)
    async with house.client() as client:
        video = await client.generate(
            "a fox", models="runway/gen4.5", on_unknown="resubmit", max_duplicate_cost="1.00"
        )
        assert len(house.charges()) == len(video.attempts) == 2
        house.server.fault("runway", "disconnect_after_accept", times=1)
        with pytest.raises(OutcomeUnknown):
            await client.generate(
                "a fox", models="runway/gen4.5", on_unknown="resubmit", max_duplicate_cost="0.01"
            )
    assert len(house.charges()) == 3


async def test_a_person_decides_what_nobody_can_tell(house: House) -> None:
    async with house.client() as client:
        jobs = []
        for _ in range(3):
            house.server.fault("runway", "disconnect_after_accept", times=1)
            with pytest.raises(OutcomeUnknown) as caught:
                await client.generate("a fox", models=["runway/gen4.5", "luma/ray-flash-2"])
            jobs.append(caught.value.job_id)
        found, billed, free = jobs
        await client.resolve(found, provider_job=house.charges()[0].provider_job_id)
        assert (await client.wait(found)).model == "runway/gen4.5"
        await client.resolve(billed, charged=True)
        with pytest.raises(AllModelsFailed):
            await client.wait(billed)
        assert (await client.job(billed)).attempts[0].charged == "yes"
        await client.resolve(free, charged=False)
        assert (await client.wait(free)).model == "luma/ray-flash-2"
        with pytest.raises(InvalidRequest):
            await client.resolve(free, charged=True)


async def test_patience_cancels_confirms_and_goes_on(house: House) -> None:
    house.server.fault("runway", "stuck", times=1)
    async with house.client() as client:
        video = await client.generate(
            "a fox", models=["runway/gen4.5", "luma/ray-flash-2"], attempt_timeout=90
        )
    first, second = video.attempts
    assert first.state is AttemptState.CANCELED
    assert first.failure is not None
    assert first.failure.kind == "PatienceOver"
    assert second.model == "luma/ray-flash-2"


async def test_the_timeout_on_the_last_candidate_leaves_the_job_running(house: House) -> None:
    house.server.set_time(300.0)
    async with house.client() as client:
        with pytest.raises(StillRunning) as caught:
            await client.generate("a fox", models="runway/gen4.5", timeout=100)
        video = await client.wait(caught.value.job_id, timeout=1000)
    assert video.model == "runway/gen4.5"
    assert len(house.charges()) == 1


async def test_another_client_on_the_same_store_delivers_what_the_first_one_bought(house: House) -> None:
    async with house.client() as first:
        job = await first.submit("a fox", models="luma/ray-flash-2")
        while not house.charges():
            await house.clock.sleep(1)
    async with house.client() as second:
        video = await second.wait(job.id)
    assert video.job_id == job.id
    assert len(house.charges()) == 1


async def test_a_canceled_job_is_stopped_at_the_vendor(house: House) -> None:
    house.server.fault("replicate", "stuck")
    async with house.client() as client:
        job = await client.submit("a fox", models="replicate/seedance-1-lite")
        while not house.charges():
            await house.clock.sleep(1)
        ended = await client.cancel(job)
        assert ended.status is JobStatus.CANCELED
        with pytest.raises(JobCanceled):
            await client.wait(job)
    assert [charge.state for charge in house.charges()] == ["canceled"]


async def test_every_candidate_failed_is_one_group_of_typed_causes(house: House) -> None:
    house.server.fault("runway", "failed")
    house.server.fault("luma", "no_credit")
    async with house.client() as client:
        with pytest.raises(AllModelsFailed) as caught:
            await client.generate("a fox", models=["runway/gen4.5", "luma/ray-flash-2"])
    kinds = [type(cause).__name__ for cause in caught.value.exceptions]
    assert kinds[0] == "GenerationFailed"
    assert kinds[-1] == "NoCredit"


async def test_events_tell_the_story_and_a_broken_listener_hurts_nobody(house: House) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("listener")

    async with house.client(on_event=broken) as client:
        await client.generate("a fox", models="runway/gen4.5")
    async with house.client() as client:
        await client.generate("a fox", models="runway/gen4.5")
    kinds = [event.kind for event in house.events]
    assert kinds[0] is EventKind.JOB_RECORDED
    assert kinds[-1] is EventKind.JOB_ENDED
    assert kinds.index(EventKind.ATTEMPT_ACCEPTED) < kinds.index(EventKind.DOWNLOADING)
    assert len({event.id for event in house.events}) == len(house.events)
