"""What anyvideo asks of Replicate and what it makes of the answers, on the simulated Replicate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from anyvideo.provider import (
    InputModerated,
    JobStatus,
    ModelUnavailable,
    NoReply,
    OutputModerated,
    ProviderError,
    RateLimited,
    Ref,
    RefusedByVendor,
    Reply,
    ServiceError,
)
from anyvideo_replicate import anyvideo_providers
from anyvideo_replicate.answers import read_prediction

IMAGE = "https://images.example.com/fox.png"
[PLUGIN] = anyvideo_providers()
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
anyio_only = pytest.mark.anyio


@pytest.fixture
async def vendor(open_vendor: Callable[..., Any]) -> AsyncIterator[Any]:
    async with open_vendor("replicate") as opened:
        yield opened


def seedance(vendor: Any, **request: Any) -> Any:
    return vendor.order("seedance-1-lite", **{"prompt": "a fox", "duration": 5, **request})


@anyio_only
@pytest.mark.parametrize(
    ("name", "task"), [(spec.name, task.value) for spec in PLUGIN.catalog.models for task in spec.tasks]
)
async def test_every_model_of_the_catalog_makes_a_clip(vendor: Any, name: str, task: str) -> None:
    spec = vendor.spec(name)
    wish: dict[str, Any] = {"prompt": "a fox"}
    if task == "image_to_video":
        wish["image"] = IMAGE
    if spec.version == "latest":
        spec = replace(spec, version=await vendor.free(vendor.provider.latest_version(spec.slug)))
    update = await vendor.finished(replace(vendor.order(name, **wish), spec=spec))
    assert update.status is JobStatus.SUCCEEDED
    [output] = update.outputs
    clip = await vendor.context.outputs.get(output.url)
    assert clip.content[4:8] == b"ftyp"
    assert update.usage["compute_seconds"] > 0
    assert output.expires_at - vendor.clock.now() <= timedelta(hours=1)
    [charge] = vendor.charges()
    assert charge.amount > 0
    assert vendor.posts() == 1


@anyio_only
async def test_the_key_never_goes_to_an_output(vendor: Any) -> None:
    update = await vendor.finished(seedance(vendor))
    await vendor.context.outputs.get(update.outputs[0].url)
    assert vendor.server.world.leaks == []


@anyio_only
async def test_states_on_the_way(vendor: Any) -> None:
    vendor.server.set_time(100)
    submission = await vendor.buy(seedance(vendor))
    assert submission.update.status is JobStatus.QUEUED
    vendor.clock.advance(50)
    update = await vendor.fetch(submission.ref)
    assert (update.status, update.native, update.outputs) == (JobStatus.RUNNING, "processing", ())


@anyio_only
async def test_a_deadline_is_kept_by_the_vendor(vendor: Any) -> None:
    vendor.server.set_time(100)
    running = await vendor.buy(replace(seedance(vendor), deadline=30.9))
    vendor.server.fault("replicate", "long_queue", seconds=500, times=1)
    waiting = await vendor.buy(replace(seedance(vendor), deadline=1.0))
    vendor.clock.advance(200)
    stopped, aborted = await vendor.fetch(running.ref), await vendor.fetch(waiting.ref)
    assert (stopped.status, stopped.native) == (JobStatus.CANCELED, "canceled")
    assert stopped.usage["compute_seconds"] > 0
    assert (aborted.status, aborted.native) == (JobStatus.CANCELED, "aborted")
    assert aborted.failure.charged == "no"
    assert [charge.amount > 0 for charge in vendor.charges()] == [True, False]


@anyio_only
async def test_cancel_stops_and_says_so(vendor: Any) -> None:
    vendor.server.set_time(100)
    submission = await vendor.buy(seedance(vendor))
    vendor.clock.advance(50)
    update = await vendor.free(vendor.provider.cancel(submission.ref))
    assert update.status is JobStatus.CANCELED
    assert (await vendor.fetch(submission.ref)).status is JobStatus.CANCELED
    gone = await vendor.free(vendor.provider.cancel(Ref(job_id="unknown", model="x")))
    assert gone.gone


@anyio_only
async def test_jobs_are_found_with_their_inputs(vendor: Any) -> None:
    before = vendor.clock.now()
    await vendor.buy(seedance(vendor, prompt="too early"))
    vendor.clock.advance(100)
    since = vendor.clock.now()
    order = seedance(vendor, prompt="the right one", seed=7)
    submission = await vendor.buy(order)
    [found] = await vendor.free(vendor.provider.find(since))
    assert found.ref == submission.ref
    assert found.inputs == order.inputs
    assert found.created_at == since
    assert len(await vendor.free(vendor.provider.find(before))) == 2


@anyio_only
async def test_jobs_on_later_pages_are_found(vendor: Any) -> None:
    since = vendor.clock.now()
    vendor.server.fault("replicate", "failed")
    for number in range(103):
        await vendor.buy(seedance(vendor, prompt=f"fox {number}"))
    found = await vendor.free(vendor.provider.find(since))
    assert sorted(one.inputs["prompt"] for one in found) == sorted(f"fox {n}" for n in range(103))


@anyio_only
async def test_a_picture_that_was_uploaded_can_be_used(vendor: Any) -> None:
    address = await vendor.free(
        vendor.provider.upload(b"\x89PNG" + b"0" * 999, content_type="image/png", filename="fox.png")
    )
    order = vendor.order("stable-video-diffusion", image=IMAGE)
    order = replace(order, media={"image": address})
    assert (await vendor.finished(order)).status is JobStatus.SUCCEEDED
    [job] = vendor.server.world.jobs.values()
    assert job.request["input_image"] == address


@anyio_only
async def test_the_newest_version_is_looked_up(vendor: Any) -> None:
    spec = vendor.spec("stable-video-diffusion")
    assert await vendor.free(vendor.provider.latest_version(spec.slug)) == spec.version
    with pytest.raises(ModelUnavailable):
        await vendor.free(vendor.provider.latest_version("nobody/nothing"))


@anyio_only
@pytest.mark.parametrize(
    ("fault", "kind", "hint"),
    [
        ("unauthorized", "AuthenticationFailed", "authentication token"),
        ("no_credit", "NoCredit", "insufficient credit"),
        ("model_down", "ModelUnavailable", "disabled"),
        ("invalid_request", "BadRequest", "input.seed"),
        ("rate_limited", "RateLimited", "throttled"),
    ],
)
async def test_refusals(vendor: Any, fault: str, kind: str, hint: str) -> None:
    vendor.server.fault("replicate", fault, times=1)
    error = await vendor.refused(seedance(vendor))
    assert type(error).__name__ == kind
    assert hint in error.message
    assert error.charged == "no"
    assert vendor.charges() == []


@anyio_only
async def test_a_version_that_does_not_exist_is_about_the_model(vendor: Any) -> None:
    order = vendor.order("stable-video-diffusion", image=IMAGE)
    error = await vendor.refused(replace(order, spec=order.spec.pinned("f" * 64)))
    assert isinstance(error, ModelUnavailable)


@anyio_only
@pytest.mark.parametrize("seconds", [3, 600])
async def test_a_rate_limit_says_how_long(vendor: Any, seconds: float) -> None:
    vendor.server.fault("replicate", "rate_limited", retry_after=seconds)
    error = await vendor.refused(seedance(vendor))
    assert isinstance(error, RateLimited)
    assert error.retry_after == min(seconds, 120)


def test_a_rate_limit_in_words_only() -> None:
    body = {"detail": "Request was throttled. Your rate limit resets in ~30s.", "status": 429}
    reply = Reply(method="POST", url="https://api.example.com/", status=429, headers={}, body=body)
    assert explain(reply).retry_after == 30.0


def explain(reply: Reply) -> ProviderError:
    from anyvideo_replicate.provider import Replicate

    return Replicate.explain(object.__new__(Replicate), reply)


@anyio_only
async def test_a_lost_answer_is_not_a_failure_and_is_not_sent_again(vendor: Any) -> None:
    vendor.server.fault("replicate", "disconnect_after_accept", times=1)
    _, error, record = await vendor.attempt(seedance(vendor))
    assert isinstance(error, NoReply)
    assert error.left
    assert record.left
    assert vendor.posts() == 1
    assert len(vendor.charges()) == 1


@anyio_only
async def test_a_500_after_acceptance_leaves_it_open(vendor: Any) -> None:
    vendor.server.fault("replicate", "error_500_after_accept", times=1)
    error = await vendor.refused(seedance(vendor))
    assert isinstance(error, ServiceError)
    assert error.charged == "unknown"
    assert vendor.posts() == 1


@anyio_only
async def test_half_an_answer_leaves_it_open(vendor: Any) -> None:
    vendor.server.fault("replicate", "malformed_body", times=1)
    _, error, record = await vendor.attempt(seedance(vendor))
    assert isinstance(error, ServiceError)
    assert record.reply.status == 201
    assert not record.reply.readable


@anyio_only
async def test_the_sdk_without_a_timeout_is_cut_off(vendor: Any) -> None:
    vendor.server.fault("replicate", "slow_answer", seconds=20, times=1)
    _, error, _ = await vendor.attempt(seedance(vendor))
    assert isinstance(error, NoReply)
    assert error.left


@anyio_only
@pytest.mark.parametrize("fault", ["rate_limited", "poll_500"])
async def test_the_sdk_does_not_retry_polls_behind_our_back(vendor: Any, fault: str) -> None:
    submission = await vendor.buy(seedance(vendor))
    extra = {"on": "poll", "retry_after": 3600} if fault == "rate_limited" else {}
    vendor.server.fault("replicate", fault, times=1, **extra)
    with pytest.raises(RefusedByVendor):
        await vendor.fetch(submission.ref)
    assert sum(seen.method == "GET" for seen in vendor.server.world.requests) == 1


@anyio_only
async def test_a_word_that_the_sdk_crashes_on_counts_as_running(vendor: Any) -> None:
    submission = await vendor.buy(seedance(vendor))
    vendor.server.fault("replicate", "unknown_status", word="pondering", times=1)
    update = await vendor.fetch(submission.ref)
    assert (update.status, update.native, update.known_word) == (JobStatus.RUNNING, "pondering", False)


@anyio_only
async def test_half_a_poll_is_no_verdict(vendor: Any) -> None:
    submission = await vendor.buy(seedance(vendor))
    vendor.server.fault("replicate", "malformed_poll", times=1)
    with pytest.raises(ServiceError):
        await vendor.fetch(submission.ref)


@anyio_only
async def test_after_an_hour_the_result_is_gone(vendor: Any) -> None:
    submission = await vendor.buy(seedance(vendor))
    vendor.clock.advance(3700)
    update = await vendor.fetch(submission.ref)
    assert update.gone
    assert update.outputs == ()
    unknown = await vendor.fetch(Ref(job_id="unknown", model="x"))
    assert unknown.gone


@anyio_only
@pytest.mark.parametrize(
    ("fault", "extra", "kind", "transient"),
    [
        ("moderated_input", {}, "InputModerated", False),
        ("moderated_output", {}, "OutputModerated", False),
        ("failed", {}, "GenerationFailed", False),
        ("failed", {"transient": True}, "GenerationFailed", True),
    ],
)
async def test_failures(vendor: Any, fault: str, extra: Any, kind: str, transient: bool) -> None:
    vendor.server.fault("replicate", fault, times=1, **extra)
    update = await vendor.finished(seedance(vendor))
    assert update.status is JobStatus.FAILED
    assert (update.failure.kind, update.failure.transient) == (kind, transient)
    assert update.failure.charged == "no"
    assert [charge.amount for charge in vendor.charges()] == [Decimal(0)]


@anyio_only
async def test_the_environment_is_not_read(vendor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLICATE_API_TOKEN", "r8_another")
    monkeypatch.setenv("REPLICATE_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert (await vendor.buy(replace(seedance(vendor), deadline=60))).ref.job_id


def test_a_client_in_another_loop_after_the_first_was_closed(open_vendor: Callable[..., Any]) -> None:
    async def once() -> JobStatus:
        async with open_vendor("replicate") as vendor:
            update = await vendor.finished(seedance(vendor))
            assert isinstance(update.status, JobStatus)
            return update.status

    assert [asyncio.run(once()) for _ in range(2)] == [JobStatus.SUCCEEDED] * 2


@pytest.mark.parametrize(
    ("fields", "status", "outputs"),
    [
        ({}, JobStatus.RUNNING, 0),
        ({"status": None}, JobStatus.RUNNING, 0),
        ({"status": "succeeded", "output": "https://a/1"}, JobStatus.SUCCEEDED, 1),
        ({"status": "succeeded", "output": ["https://a/1", "https://a/2"]}, JobStatus.SUCCEEDED, 2),
        ({"status": "succeeded", "output": {"video": "https://a/1"}}, JobStatus.SUCCEEDED, 1),
        ({"status": "succeeded", "output": None}, JobStatus.SUCCEEDED, 0),
        ({"status": "processing", "output": "https://a/1"}, JobStatus.RUNNING, 0),
        ({"status": "failed", "error": {"code": 5}}, JobStatus.FAILED, 0),
        ({"status": "canceled", "data_removed": True, "metrics": []}, JobStatus.CANCELED, 0),
        (
            {"status": "succeeded", "output": "https://a/1", "urls": None},
            JobStatus.SUCCEEDED,
            1,
        ),
    ],
)
def test_predictions_are_read_leniently(fields: dict[str, Any], status: JobStatus, outputs: int) -> None:
    update = read_prediction(fields, now=NOW)
    assert (update.status, len(update.outputs), update.gone) == (status, outputs, False)


@pytest.mark.parametrize(
    ("text", "kind", "code", "transient"),
    [
        ("The input or output was flagged as sensitive. (E005)", InputModerated, "E005", False),
        ("NSFW content detected", OutputModerated, None, False),
        ("Prediction interrupted; please retry (code: PA)", ProviderError, "PA", True),
        ("Something happened (E1000)", ProviderError, "E1000", True),
        ("CUDA out of memory (E1001)", ProviderError, "E1001", False),
        (None, ProviderError, None, False),
    ],
)
def test_texts_of_failures(
    text: str | None, kind: type[ProviderError], code: str | None, transient: bool
) -> None:
    failure = read_prediction({"status": "failed", "error": text}, now=NOW).failure
    assert failure is not None
    assert isinstance(failure.error(provider="replicate", model="m"), kind)
    assert (failure.code, failure.transient) == (code, transient)
