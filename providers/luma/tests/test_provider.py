"""What anyvideo asks of Luma and what it makes of the answers, on the simulated Luma."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from anyvideo.provider import JobStatus, NoReply, RateLimited, Ref, RefusedByVendor, Reply, ServiceError
from anyvideo_luma import anyvideo_providers
from anyvideo_luma.provider import Luma
from anyvideo_luma.words import read_failure

IMAGE = "https://images.example.com/fox.png"
[PLUGIN] = anyvideo_providers()
anyio_only = pytest.mark.anyio


@pytest.fixture
async def vendor(open_vendor: Callable[..., Any]) -> AsyncIterator[Any]:
    async with open_vendor("luma") as opened:
        yield opened


def fox(vendor: Any, **request: Any) -> Any:
    return vendor.order("ray-flash-2", **{"prompt": "a fox", "duration": 5, **request})


@anyio_only
@pytest.mark.parametrize(
    ("name", "task"), [(spec.name, task.value) for spec in PLUGIN.catalog.models for task in spec.tasks]
)
async def test_every_model_of_the_catalog_makes_a_clip(vendor: Any, name: str, task: str) -> None:
    wish = {"prompt": "a fox"} | ({"image": IMAGE} if task == "image_to_video" else {})
    update = await vendor.finished(vendor.order(name, **wish))
    assert update.status is JobStatus.SUCCEEDED
    [output] = update.outputs
    assert (await vendor.context.outputs.get(output.url)).content[4:8] == b"ftyp"
    assert vendor.posts() == 1
    assert vendor.server.world.leaks == []
    [job] = vendor.server.world.jobs.values()
    frames = {"frame0": {"type": "image", "url": IMAGE}} if task == "image_to_video" else None
    assert job.request.get("keyframes") == frames


@anyio_only
async def test_states_on_the_way(vendor: Any) -> None:
    vendor.server.set_time(100)
    submission = await vendor.buy(fox(vendor))
    assert submission.update.status is JobStatus.QUEUED
    vendor.clock.advance(50)
    update = await vendor.fetch(submission.ref)
    assert (update.status, update.native, update.reported_cost) == (JobStatus.RUNNING, "dreaming", None)


@anyio_only
async def test_jobs_are_found_with_their_inputs_and_tag(vendor: Any) -> None:
    await vendor.buy(fox(vendor, prompt="too early"))
    vendor.clock.advance(100)
    since = vendor.clock.now()
    order = fox(vendor, image=IMAGE)
    plain = await vendor.buy(order)
    vendor.clock.advance(1)
    tagged = await vendor.buy(replace(order, callback_url="https://hooks.example.com/luma/mark-17"))
    second, first = await vendor.free(vendor.provider.find(since))
    assert (first.ref, second.ref) == (plain.ref, tagged.ref)
    assert first.inputs == second.inputs == order.inputs
    assert (first.tag, second.tag) == (None, "mark-17")


@anyio_only
async def test_jobs_on_later_pages_are_found(vendor: Any) -> None:
    since = vendor.clock.now()
    vendor.server.fault("luma", "failed")
    for number in range(103):
        await vendor.buy(fox(vendor, prompt=f"fox {number}"))
    found = await vendor.free(vendor.provider.find(since))
    assert sorted(one.inputs["prompt"] for one in found) == sorted(f"fox {n}" for n in range(103))


@anyio_only
async def test_cancel_deletes(vendor: Any) -> None:
    vendor.server.set_time(100)
    submission = await vendor.buy(fox(vendor))
    assert (await vendor.free(vendor.provider.cancel(submission.ref))).status is JobStatus.CANCELED
    assert (await vendor.fetch(submission.ref)).gone
    assert (await vendor.free(vendor.provider.cancel(Ref(job_id="no-such", model="x")))).gone


@anyio_only
@pytest.mark.parametrize(
    ("fault", "kind", "hint"),
    [
        ("unauthorized", "AuthenticationFailed", "API key"),
        ("no_credit", "NoCredit", "credits"),
        ("model_down", "ModelUnavailable", "not available"),
        ("invalid_request", "BadRequest", "too short"),
        ("rate_limited", "RateLimited", "Rate limit"),
    ],
)
async def test_refusals(vendor: Any, fault: str, kind: str, hint: str) -> None:
    vendor.server.fault("luma", fault, times=1)
    error = await vendor.refused(fox(vendor))
    assert type(error).__name__ == kind
    assert hint in error.message
    assert error.charged == "no"
    assert vendor.charges() == []


@anyio_only
async def test_a_rate_limit_says_how_long(vendor: Any) -> None:
    vendor.server.fault("luma", "rate_limited", retry_after=9)
    error = await vendor.refused(fox(vendor))
    assert isinstance(error, RateLimited)
    assert error.retry_after == 9


@anyio_only
@pytest.mark.parametrize(
    "fault", ["disconnect_after_accept", "error_500_after_accept", "malformed_body", "slow_answer"]
)
async def test_what_the_sdk_would_send_three_times_is_sent_once(vendor: Any, fault: str) -> None:
    vendor.server.fault("luma", fault, **({"seconds": 20} if fault == "slow_answer" else {}))
    _, error, record = await vendor.attempt(fox(vendor))
    assert isinstance(error, NoReply | RefusedByVendor | ServiceError)
    assert record.left
    assert vendor.posts() == 1
    assert len(vendor.charges()) == 1


@anyio_only
async def test_polls_are_not_retried_behind_our_back(vendor: Any) -> None:
    submission = await vendor.buy(fox(vendor))
    vendor.server.fault("luma", "poll_500", times=1)
    with pytest.raises(RefusedByVendor):
        await vendor.fetch(submission.ref)
    assert sum(seen.method == "GET" for seen in vendor.server.world.requests) == 1


@anyio_only
async def test_an_unknown_word_counts_as_running(vendor: Any) -> None:
    submission = await vendor.buy(fox(vendor))
    vendor.server.fault("luma", "unknown_status", word="pondering", times=1)
    update = await vendor.fetch(submission.ref)
    assert (update.status, update.native, update.known_word) == (JobStatus.RUNNING, "pondering", False)


@anyio_only
@pytest.mark.parametrize(
    ("fault", "extra", "kind", "transient"),
    [
        ("moderated_input", {}, "InputModerated", False),
        ("moderated_output", {}, "OutputModerated", False),
        ("failed", {}, "BadRequest", False),
        ("failed", {"transient": True}, "GenerationFailed", True),
    ],
)
async def test_failures_are_free(vendor: Any, fault: str, extra: Any, kind: str, transient: bool) -> None:
    vendor.server.fault("luma", fault, times=1, **extra)
    update = await vendor.finished(fox(vendor))
    assert update.status is JobStatus.FAILED
    assert (update.failure.kind, update.failure.transient) == (kind, transient)
    assert update.failure.charged == "no"
    assert [charge.amount for charge in vendor.charges()] == [Decimal(0)]


def test_a_client_in_another_loop_after_the_first_was_closed(open_vendor: Callable[..., Any]) -> None:
    async def once() -> JobStatus:
        async with open_vendor("luma") as vendor:
            update = await vendor.finished(fox(vendor))
            assert isinstance(update.status, JobStatus)
            return update.status

    assert [asyncio.run(once()) for _ in range(2)] == [JobStatus.SUCCEEDED] * 2


@pytest.mark.parametrize(
    ("reason", "kind", "transient"),
    [
        ("Contains blacklisted words", "InputModerated", False),
        ("Advanced prompt moderation failed", "InputModerated", False),
        ("prompt not allowed because it contains IP", "InputModerated", False),
        ("Frame moderation failed", "OutputModerated", False),
        ("Failed to read user input frames", "BadRequest", False),
        ("Prompt processing failed", "GenerationFailed", True),
        ("Error dispatching job", "GenerationFailed", True),
        ("Job failed", "GenerationFailed", True),
        ("Something new", "GenerationFailed", False),
        (None, "GenerationFailed", False),
    ],
)
def test_reasons_of_failures(reason: str | None, kind: str, transient: bool) -> None:
    failure = read_failure(reason)
    assert (failure.kind, failure.transient, failure.charged) == (kind, transient, "no")


@pytest.mark.parametrize(
    ("status", "detail", "kind"),
    [
        (400, "Insufficient credits", "NoCredit"),
        (403, "Invalid API key is provided", "AuthenticationFailed"),
        (400, "Advanced prompt moderation failed", "InputModerated"),
        (400, "400: concepts are not supported for this model", "BadRequest"),
        (400, None, "BadRequest"),
        (404, "Not Found", "ModelUnavailable"),
        (429, "not allowed now", "RateLimited"),
        (503, "moderation is down", "ServiceError"),
    ],
)
def test_texts_of_refusals(status: int, detail: str | None, kind: str) -> None:
    body = {"detail": detail}
    reply = Reply(method="POST", url="https://api.example.com/", status=status, headers={}, body=body)
    assert type(Luma.explain(object.__new__(Luma), reply)).__name__ == kind
