"""What anyvideo asks of Runway and what it makes of the answers, on the simulated Runway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from anyvideo.provider import (
    CostBasis,
    JobStatus,
    NoReply,
    RateLimited,
    Ref,
    RefusedByVendor,
    Reply,
    ServiceError,
)
from anyvideo_runway import anyvideo_providers
from anyvideo_runway.provider import Runway
from anyvideo_runway.simulator import create
from anyvideo_runway.words import read_failure

IMAGE = "https://images.example.com/fox.png"
[PLUGIN] = anyvideo_providers()
anyio_only = pytest.mark.anyio


@pytest.fixture
async def vendor(open_vendor: Callable[..., Any]) -> AsyncIterator[Any]:
    async with open_vendor("runway") as opened:
        yield opened


def fox(vendor: Any, **request: Any) -> Any:
    return vendor.order("gen4.5", **{"prompt": "a fox", "duration": 5, **request})


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
    [charge] = vendor.charges()
    assert update.reported_cost.basis is CostBasis.REPORTED
    assert update.reported_cost.amount == charge.amount > 0
    assert vendor.posts() == 1
    assert vendor.server.world.leaks == []


@anyio_only
async def test_states_on_the_way(vendor: Any) -> None:
    vendor.server.set_time(100)
    vendor.server.fault("runway", "long_queue", seconds=100, times=1)
    submission = await vendor.buy(fox(vendor))
    assert submission.update.status is JobStatus.QUEUED
    throttled = await vendor.fetch(submission.ref)
    assert (throttled.status, throttled.native, throttled.failure) == (JobStatus.QUEUED, "THROTTLED", None)
    vendor.clock.advance(150)
    running = await vendor.fetch(submission.ref)
    assert running.status is JobStatus.RUNNING
    assert 0 < running.progress < 1
    assert running.reported_cost is None


@anyio_only
async def test_a_finished_task_gets_a_fresh_address_each_time(vendor: Any) -> None:
    submission = await vendor.buy(fox(vendor))
    vendor.clock.advance(60)
    first, second = await vendor.fetch(submission.ref), await vendor.fetch(submission.ref)
    assert first.outputs[0].url != second.outputs[0].url


@anyio_only
@pytest.mark.parametrize("after_delete", ["gone", "cancelled"])
async def test_cancel_whichever_way_runway_tells_it(
    open_vendor: Callable[..., Any], after_delete: Any
) -> None:
    async with open_vendor("runway", create(after_delete=after_delete)) as vendor:
        vendor.server.set_time(100)
        submission = await vendor.buy(fox(vendor))
        vendor.clock.advance(50)
        update = await vendor.free(vendor.provider.cancel(submission.ref))
        assert update.status is JobStatus.CANCELED
        confirmed = await vendor.fetch(submission.ref)
        assert confirmed.gone if after_delete == "gone" else confirmed.status is JobStatus.CANCELED
        again = await vendor.free(vendor.provider.cancel(Ref(job_id="no-such-task", model="x")))
        assert again.gone


@anyio_only
async def test_a_picture_is_uploaded_without_the_key(vendor: Any) -> None:
    content = b"\x89PNG" + b"0" * 2000
    address = await vendor.free(vendor.provider.upload(content, content_type="image/png", filename="fox.png"))
    assert address.startswith("runway://")
    target = [seen for seen in vendor.server.world.requests if "upload-target" in seen.path]
    assert [seen.authorized for seen in target] == [False]
    order = replace(fox(vendor, image=IMAGE), media={"image": address})
    assert (await vendor.finished(order)).status is JobStatus.SUCCEEDED


@anyio_only
async def test_an_upload_that_the_storage_refuses(vendor: Any) -> None:
    with pytest.raises(RefusedByVendor):
        await vendor.free(vendor.provider.upload(b"short", content_type="image/png", filename="fox.png"))


@anyio_only
async def test_a_data_uri_within_the_limit_is_taken(vendor: Any) -> None:
    head = "data:image/png;base64,"
    address = head + "A" * (PLUGIN.media.data_uri_bytes - len(head))
    order = replace(fox(vendor, image=IMAGE), media={"image": address})
    assert (await vendor.buy(order)).ref.job_id


@anyio_only
@pytest.mark.parametrize(
    ("fault", "kind", "hint"),
    [
        ("unauthorized", "AuthenticationFailed", "key"),
        ("no_credit", "NoCredit", "credits"),
        ("model_down", "ModelUnavailable", "not available"),
        ("invalid_request", "BadRequest", "Expected number"),
        ("rate_limited", "RateLimited", "daily"),
    ],
)
async def test_refusals(vendor: Any, fault: str, kind: str, hint: str) -> None:
    vendor.server.fault("runway", fault, times=1)
    error = await vendor.refused(fox(vendor))
    assert type(error).__name__ == kind
    assert hint in error.message
    assert error.charged == "no"
    assert vendor.charges() == []


@anyio_only
async def test_a_model_that_runway_does_not_have(vendor: Any) -> None:
    order = fox(vendor)
    error = await vendor.refused(replace(order, spec=replace(order.spec, slug="gen1")))
    assert type(error).__name__ == "ModelUnavailable"
    assert "gen4.5" in error.message, "Runway names the models that it has"


@anyio_only
async def test_a_rate_limit_says_how_long(vendor: Any) -> None:
    vendor.server.fault("runway", "rate_limited", retry_after=9)
    error = await vendor.refused(fox(vendor))
    assert isinstance(error, RateLimited)
    assert error.retry_after == 9


@anyio_only
@pytest.mark.parametrize(
    "fault", ["disconnect_after_accept", "error_500_after_accept", "malformed_body", "slow_answer"]
)
async def test_what_the_sdk_would_send_three_times_is_sent_once(vendor: Any, fault: str) -> None:
    vendor.server.fault("runway", fault, **({"seconds": 20} if fault == "slow_answer" else {}))
    _, error, record = await vendor.attempt(fox(vendor))
    assert isinstance(error, NoReply | RefusedByVendor | ServiceError)
    assert record.left
    assert vendor.posts() == 1
    assert len(vendor.charges()) == 1


@anyio_only
async def test_polls_are_not_retried_behind_our_back(vendor: Any) -> None:
    submission = await vendor.buy(fox(vendor))
    vendor.server.fault("runway", "poll_500", times=1)
    with pytest.raises(RefusedByVendor):
        await vendor.fetch(submission.ref)
    assert sum(seen.method == "GET" for seen in vendor.server.world.requests) == 1


@anyio_only
async def test_an_unknown_word_counts_as_running(vendor: Any) -> None:
    submission = await vendor.buy(fox(vendor))
    vendor.server.fault("runway", "unknown_status", word="PONDERING", times=1)
    update = await vendor.fetch(submission.ref)
    assert (update.status, update.native, update.known_word) == (JobStatus.RUNNING, "PONDERING", False)


@anyio_only
@pytest.mark.parametrize(
    ("fault", "extra", "kind", "transient"),
    [
        ("moderated_input", {}, "InputModerated", False),
        ("moderated_output", {}, "OutputModerated", False),
        ("failed", {"transient": True}, "GenerationFailed", True),
    ],
)
async def test_failures_cost_what_runway_says(
    vendor: Any, fault: str, extra: Any, kind: str, transient: bool
) -> None:
    vendor.server.fault("runway", fault, times=1, **extra)
    update = await vendor.finished(fox(vendor))
    assert update.status is JobStatus.FAILED
    assert (update.failure.kind, update.failure.transient) == (kind, transient)
    [charge] = vendor.charges()
    assert update.reported_cost.amount == charge.amount
    assert update.failure.charged == ("yes" if charge.amount else "no")


@anyio_only
async def test_fractions_of_a_credit_are_exact(vendor: Any) -> None:
    submission = await vendor.buy(fox(vendor))
    answer = {"id": "a", "status": "SUCCEEDED", "output": ["https://a/1"], "cost": {"credits": 12.35}}
    update = vendor.provider._update(answer)
    assert submission.ref.job_id
    assert update.reported_cost.amount == Decimal("0.1235")


def test_a_client_in_another_loop_after_the_first_was_closed(open_vendor: Callable[..., Any]) -> None:
    async def once() -> JobStatus:
        async with open_vendor("runway") as vendor:
            update = await vendor.finished(fox(vendor))
            assert isinstance(update.status, JobStatus)
            return update.status

    assert [asyncio.run(once()) for _ in range(2)] == [JobStatus.SUCCEEDED] * 2


@pytest.mark.parametrize(
    ("code", "kind", "charged", "transient"),
    [
        ("SAFETY.INPUT.TEXT", "InputModerated", "yes", False),
        ("SAFETY.INPUT", "InputModerated", "yes", False),
        ("SAFETY.OUTPUT.VIDEO", "OutputModerated", "unknown", False),
        ("SAFETY.NEW", "InputModerated", "unknown", False),
        ("INPUT_PREPROCESSING.SAFETY.TEXT", "InputModerated", "unknown", False),
        ("INPUT_PREPROCESSING.INTERNAL", "GenerationFailed", "no", True),
        ("INTERNAL.BAD_OUTPUT.01", "GenerationFailed", "no", False),
        ("INTERNAL", "GenerationFailed", "no", True),
        ("INTERNAL.SOMETHING", "GenerationFailed", "no", True),
        ("INTERNALLY", "GenerationFailed", "unknown", False),
        ("ASSET.INVALID", "BadRequest", "no", False),
        ("THIRD_PARTY.UNAVAILABLE", "GenerationFailed", "no", True),
        ("BRAND.NEW", "GenerationFailed", "unknown", False),
        (None, "GenerationFailed", "no", True),
    ],
)
def test_failure_codes_by_prefix(code: str | None, kind: str, charged: str, transient: bool) -> None:
    failure = read_failure(code, "told to nobody", None)
    assert (failure.kind, failure.charged, failure.transient) == (kind, charged, transient)
    assert read_failure(code, None, 0).charged == "no", (
        "what Runway charged goes before what it usually charges"
    )
    assert read_failure(code, None, 25).charged == "yes"


@pytest.mark.parametrize("body", [None, "<html>", [], {"error": 5}, {"issues": "x"}, {"issues": [1]}])
def test_answers_without_sense_are_explained_by_status(body: Any) -> None:
    reply = Reply(method="POST", url="https://api.example.com/", status=502, headers={}, body=body)
    assert isinstance(Runway.explain(object.__new__(Runway), reply), ServiceError)
