"""What Replicate posts when a prediction has ended. Its own SDK is the witness of the signature."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr
from replicate.webhook import Webhooks, WebhookSigningSecret

from anyvideo.provider import BadDelivery, BadRequest, GenerationFailed, JobStatus, ReceivesWebhooks
from anyvideo.testing import standard_delivery
from anyvideo_replicate.provider import Replicate

SECRET = "whsec_" + "QSBzZWNyZXQgb2YgdGhlc2UgdGVzdHMh"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PREDICTION = {
    "id": "p-1",
    "model": "acme/film",
    "version": "hidden",
    "status": "succeeded",
    "output": "https://replicate.delivery/clip.mp4",
    "completed_at": "2026-11-21T11:59:58Z",
    "metrics": {"predict_time": 12.5},
}


@pytest.fixture
def replicate() -> ReceivesWebhooks:
    """Without a client: nothing is sent for a delivery."""
    provider: ReceivesWebhooks = object.__new__(Replicate)
    return provider


def receive(replicate: ReceivesWebhooks, fields: dict[str, Any]) -> Any:
    delivery = standard_delivery(fields, SECRET, NOW)
    return replicate.receive(delivery, secrets=[SecretStr(SECRET)], now=NOW, window=300)


def test_the_sdk_takes_what_the_samples_sign() -> None:
    delivery = standard_delivery(PREDICTION, SECRET, datetime.fromtimestamp(time.time(), UTC))
    Webhooks.validate(
        headers=dict(delivery.headers),
        body=delivery.body.decode(),
        secret=WebhookSigningSecret(key=SECRET),
        tolerance=60,
    )


def test_a_finished_prediction_brings_its_file_and_its_bill(replicate: ReceivesWebhooks) -> None:
    notice = receive(replicate, PREDICTION)
    assert (notice.ref.job_id, notice.ref.model, notice.ref.extra) == (
        "p-1",
        "acme/film",
        {"version": "hidden"},
    )
    assert notice.update.status is JobStatus.SUCCEEDED
    assert [output.url for output in notice.update.outputs] == [PREDICTION["output"]]
    assert notice.update.outputs[0].expires_at == datetime(2026, 11, 21, 12, 59, 58, tzinfo=UTC)
    assert notice.update.usage["compute_seconds"] == 12.5


def test_a_delivery_that_is_sent_again_has_the_same_mark(replicate: ReceivesWebhooks) -> None:
    first, second = receive(replicate, PREDICTION), receive(replicate, PREDICTION)
    other = receive(replicate, {**PREDICTION, "id": "p-2"})
    assert first.id == second.id != other.id


def test_a_failed_prediction_says_why(replicate: ReceivesWebhooks) -> None:
    update = receive(replicate, {**PREDICTION, "status": "failed", "error": "out of paint"}).update
    assert (update.status, update.failure.kind) == (JobStatus.FAILED, GenerationFailed.__name__)


@pytest.mark.parametrize("fields", [{}, {"id": None}, {"id": 7}, {"status": "succeeded"}])
def test_a_delivery_that_names_no_prediction_is_refused(
    replicate: ReceivesWebhooks, fields: dict[str, Any]
) -> None:
    with pytest.raises(BadDelivery):
        receive(replicate, fields)


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["seedance-1-lite", "stable-video-diffusion"])
async def test_the_address_of_an_order_reaches_replicate(open_vendor: Any, name: str) -> None:
    async with open_vendor("replicate") as vendor:
        order = vendor.order(name, prompt="a fox", image="https://images.example.com/fox.png")
        await vendor.buy(replace(order, callback_url="https://hooks.example.com/9f2c"))
        refused = await vendor.refused(replace(order, callback_url="http://hooks.example.com/9f2c"))
    assert isinstance(refused, BadRequest)
    assert "webhook must be an HTTPS URL" in refused.message
