"""Applications are tested with fakes: no vendor is named, nothing is sent, no time passes."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from anyvideo import (
    AllModelsFailed,
    AsyncClient,
    BudgetExceeded,
    Client,
    JobCanceled,
    OutcomeUnknown,
    StillRunning,
)
from anyvideo.provider import GenerationFailed, InputModerated, NoCredit, RateLimited
from anyvideo.testing.clock import VirtualClock
from anyvideo.testing.fakes import FakeProvider

Fake = Callable[[str], FakeProvider]
Clients = Callable[..., Client]


def test_a_fallback_in_ten_lines(fake_provider: Fake, video_client: Clients) -> None:
    first = fake_provider("first").fails(GenerationFailed("the clouds were wrong"))
    second = fake_provider("second").succeeds(duration=5, cost="0.25")

    video = video_client(models=["first", "second"]).generate("a red fox")

    assert video.provider == "second"
    assert [attempt.model for attempt in video.attempts] == [first.model, second.model]
    assert video.duration == pytest.approx(5)
    assert video.cost.amount == Decimal("0.25")


@pytest.mark.anyio
async def test_the_same_with_the_other_client(
    fake_provider: Fake, async_video_client: Callable[..., AsyncClient]
) -> None:
    fake_provider("first").refuses(NoCredit("empty"))
    fake_provider("second")
    async with async_video_client() as client:
        video = await client.generate("a red fox", duration=7)
    assert [attempt.charged for attempt in video.attempts] == ["no", "yes"]
    assert video.duration == pytest.approx(7)


def test_orders_can_be_looked_at(fake_provider: Fake, video_client: Clients) -> None:
    acme = fake_provider("acme")
    video_client().generate("a red fox", duration=8, aspect_ratio="9:16", seed=7)
    [order] = acme.orders
    assert (order.fit.prompt, order.fit.duration) == ("a red fox", 8)
    assert (order.inputs["ratio"], order.inputs["seed"]) == ("9:16", 7)


def test_a_lost_answer_is_ordered_once(fake_provider: Fake, video_client: Clients) -> None:
    acme = fake_provider("acme").loses_the_answer()
    spare = fake_provider("spare")
    with pytest.raises(OutcomeUnknown):
        video_client().generate("a red fox")
    assert len(acme.orders) == 1
    assert spare.orders == []


def test_a_refusal_for_a_while_is_sent_again(
    fake_provider: Fake, video_client: Clients, virtual_clock: VirtualClock
) -> None:
    acme = fake_provider("acme").refuses(RateLimited("slow down", retry_after=90)).succeeds()
    begun = virtual_clock.monotonic()
    [attempt] = video_client().generate("a red fox").attempts
    assert (attempt.sends, len(acme.orders)) == (2, 2)
    assert virtual_clock.monotonic() - begun >= 90


def test_a_typed_error_arrives_as_it_was_scripted(fake_provider: Fake, video_client: Clients) -> None:
    fake_provider("acme").fails(InputModerated("no foxes", code="FOX-1"))
    with pytest.raises(AllModelsFailed) as caught:
        video_client().generate("a red fox")
    [cause] = caught.value.exceptions
    assert isinstance(cause, InputModerated)
    assert (cause.provider, cause.code, cause.charged) == ("acme", "FOX-1", "no")


def test_failures_can_cost(fake_provider: Fake, video_client: Clients) -> None:
    fake_provider("first").fails(GenerationFailed("no"), cost="0.07")
    fake_provider("second").succeeds(cost="0.20")
    assert video_client().generate("a red fox").cost.amount == Decimal("0.27")


def test_what_hangs_is_canceled_when_patience_is_over(fake_provider: Fake, video_client: Clients) -> None:
    slow = fake_provider("slow").hangs()
    fake_provider("quick")
    video = video_client().generate("a red fox", attempt_timeout=300)
    assert video.provider == "quick"
    assert len(slow.canceled) == 1


def test_timeouts_and_cancel(fake_provider: Fake, video_client: Clients) -> None:
    fake_provider("slow").hangs()
    client = video_client()
    with pytest.raises(StillRunning):
        client.generate("a red fox", timeout=600, poll_interval=30)
    with pytest.raises(JobCanceled):
        client.generate("a red fox", timeout=600, poll_interval=30, on_timeout="cancel")


def test_polls_are_counted(fake_provider: Fake, video_client: Clients) -> None:
    fake_provider("acme").succeeds(polls=4)
    [attempt] = video_client().generate("a red fox").attempts
    assert attempt.polls == 4


def test_the_declared_price_is_what_budgets_see(fake_provider: Fake, video_client: Clients) -> None:
    acme = fake_provider("acme").costs("1.50")
    client = video_client()
    assert client.plan("a red fox").candidates[0].quote.expected_micros == 1_500_000
    with pytest.raises(BudgetExceeded):
        client.generate("a red fox", max_cost="1.49")
    assert acme.orders == []


def test_pictures_are_taken(fake_provider: Fake, video_client: Clients) -> None:
    acme = fake_provider("acme")
    pixel = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (320).to_bytes(4, "big") + (180).to_bytes(4, "big") + bytes(9)
    video_client().generate("a red fox", image=pixel)
    assert acme.orders[0].media["image"].startswith("data:image/png;base64,")


def test_an_hour_takes_no_time(fake_provider: Fake, video_client: Clients) -> None:
    fake_provider("slow").hangs()
    begun = time.monotonic()
    with pytest.raises(StillRunning):
        video_client().generate("a red fox", timeout=3600, poll_interval=60)
    assert time.monotonic() - begun < 10


def test_simulators_and_faults_are_wired_too(
    simulator: Any, fault: Callable[..., object], video_client: Clients
) -> None:
    vendors = [vendor.name for vendor in simulator.world.vendors]
    fault(vendors[0], "unauthorized")
    client = video_client(models=[f"{vendors[0]}/*", "cheapest"])
    video = client.generate("a red fox")
    assert video.provider in vendors[1:]
    assert [charge.provider for charge in simulator.ledger()] == [video.provider]


def test_simulators_in_another_process(
    simulator_process: Any, fault: Callable[..., object], video_client: Clients
) -> None:
    simulator_process.set_time(0.2)
    fault("runway", "rate_limited", times=1, retry_after=0.05)
    video = video_client(models="runway/gen4.5").generate("a red fox", poll_interval=0.05)
    assert video.attempts[0].sends == 2
    assert [charge["provider"] for charge in simulator_process.ledger()] == ["runway"]
