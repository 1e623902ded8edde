"""Luma's own SDK, untouched, on the simulated Dream Machine API over a real socket."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import av
import httpx
import lumaai
import pytest

from anyvideo.testing.simulator import Charge, ManualClock, SimulatorServer
from anyvideo_luma.simulator import create

IMAGE = "https://images.example/fox.png"


@pytest.fixture(scope="module")
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(scope="module")
def running(clock: ManualClock) -> Iterator[SimulatorServer]:
    with SimulatorServer([create()], clock=clock) as server:
        yield server


@pytest.fixture
def server(running: SimulatorServer) -> Iterator[SimulatorServer]:
    running.set_time(100)
    yield running
    running.clear_faults()


@pytest.fixture
def charges(server: SimulatorServer) -> Callable[[], list[Charge]]:
    """The ledger lines of this test."""
    before = len(server.ledger())
    return lambda: server.ledger()[before:]


def client_of(server: SimulatorServer, key: str | None = None) -> lumaai.LumaAI:
    return lumaai.LumaAI(
        auth_token=key or server.env["LUMAAI_API_KEY"],
        base_url=server.env["LUMAAI_BASE_URL"],
        max_retries=0,
        timeout=10,
    )


@pytest.fixture
def sdk(server: SimulatorServer) -> Iterator[lumaai.LumaAI]:
    with client_of(server) as client:
        yield client


def ray(sdk: lumaai.LumaAI, **more: Any) -> Any:
    given = {"model": "ray-2", "prompt": "a fox", "resolution": "540p", "duration": "5s"}
    return sdk.generations.video.create(**(given | more))


def later(sdk: lumaai.LumaAI, clock: ManualClock, generation: Any, seconds: float) -> Any:
    clock.advance(seconds)
    return sdk.generations.get(generation.id)


def refused(call: Callable[[], Any]) -> lumaai.APIStatusError:
    with pytest.raises(lumaai.APIStatusError) as caught:
        call()
    return caught.value


def test_a_generation_runs_from_start_to_film(
    sdk: lumaai.LumaAI, clock: ManualClock, charges: Callable[[], list[Charge]]
) -> None:
    created = ray(sdk, resolution="720p", callback_url="https://app.example/hook", aspect_ratio="9:16")
    assert (created.state, created.assets, created.failure_reason) == ("queued", None, None)
    assert created.request.callback_url == "https://app.example/hook"
    assert created.request.resolution == "720p"
    assert later(sdk, clock, created, 60).state == "dreaming"
    done = later(sdk, clock, created, 60)
    assert done.state == "completed"
    with av.open(io.BytesIO(httpx.get(done.assets.video).content)) as film:
        stream = film.streams.video[0]
        assert (stream.width, stream.height, stream.frames) == (720, 1280, 120)
    assert [(line.model, line.state) for line in charges()] == [("ray-2", "succeeded")]
    assert charges()[0].amount == pytest.approx(Decimal("0.71"), abs=Decimal("0.005"))


@pytest.mark.parametrize(
    ("model", "resolution", "duration", "published"),
    [
        ("ray-2", "540p", "5s", "0.40"),
        ("ray-2", "1080p", "5s", "1.59"),
        ("ray-2", "4k", "5s", "6.37"),
        ("ray-2", "540p", "9s", "0.72"),
        ("ray-2", "720p", "9s", "1.27"),
        ("ray-flash-2", "4k", "5s", "2.19"),
        ("ray-flash-2", "4k", "9s", "3.94"),
    ],
)
def test_the_bill_is_the_published_price_to_the_cent(
    server: SimulatorServer,
    sdk: lumaai.LumaAI,
    charges: Callable[[], list[Charge]],
    model: str,
    resolution: str,
    duration: str,
    published: str,
) -> None:
    server.fault("luma", "stuck")
    ray(sdk, model=model, resolution=resolution, duration=duration)
    amount = charges()[0].amount
    assert amount is not None
    assert abs(amount - Decimal(published)) < Decimal("0.01")


def test_both_create_paths_are_one(sdk: lumaai.LumaAI) -> None:
    assert sdk.generations.create(model="ray-flash-2", prompt="a fox").state == "queued"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"prompt": "a fox", "model": "ray-1-6"}, "model"),
        ({"prompt": "a"}, "too short"),
        ({"prompt": "a" * 5001}, "too long"),
        ({"prompt": None}, "Prompt is required"),
        ({"resolution": "360p"}, "resolution"),
        ({"duration": "10s"}, "duration"),
        ({"aspect_ratio": "2:1"}, "aspect_ratio"),
        ({"keyframes": {}}, "No keyframes"),
        ({"keyframes": {"frame0": {"type": "image", "url": "data:image/png;base64,AAAA"}}}, "image URL"),
        ({"keyframes": {"frame0": {"type": "video", "url": IMAGE}}}, "Unknown request type"),
        ({"keyframes": {"frame0": {"type": "generation", "id": "nothing"}}}, "not found"),
        (
            {
                "loop": True,
                "keyframes": {name: {"type": "image", "url": IMAGE} for name in ("frame0", "frame1")},
            },
            "Loop is not supported",
        ),
        ({"seed": 7}, "seed"),
    ],
)
def test_bodies_are_checked(
    server: SimulatorServer, charges: Callable[[], list[Charge]], body: dict[str, Any], says: str
) -> None:
    given = {"model": "ray-2", "prompt": "a fox", **body}
    sent = {name: value for name, value in given.items() if value is not None}
    url = f"{server.env['LUMAAI_BASE_URL']}/generations"
    answer = httpx.post(url, json=sent, headers={"authorization": "Bearer luma-x"})
    assert answer.status_code == 400
    assert says in answer.json()["detail"]
    assert charges() == []


def test_a_finished_generation_can_be_extended(sdk: lumaai.LumaAI, clock: ManualClock) -> None:
    first = ray(sdk)
    frames: Any = {"frame0": {"type": "generation", "id": first.id}}
    assert refused(lambda: ray(sdk, keyframes=frames)).status_code == 400
    clock.advance(100)
    assert ray(sdk, keyframes=frames).request.keyframes.frame0.id == first.id


def test_an_image_needs_no_prompt(server: SimulatorServer, sdk: lumaai.LumaAI) -> None:
    frames: Any = {"frame0": {"type": "image", "url": IMAGE}}
    assert sdk.generations.video.create(model="ray-2", keyframes=frames).state == "queued"


def test_the_list_is_newest_first(sdk: lumaai.LumaAI) -> None:
    made = [ray(sdk).id for _ in range(3)]
    page = sdk.generations.list(limit=2)
    assert ([one.id for one in page.generations], page.has_more, page.count) == (made[:0:-1], True, 2)
    assert sdk.generations.list(limit=1, offset=2).generations[0].id == made[0]


def test_a_deleted_generation_is_gone_and_stays_billed(
    sdk: lumaai.LumaAI, clock: ManualClock, charges: Callable[[], list[Charge]]
) -> None:
    generation = ray(sdk)
    sdk.generations.delete(generation.id)
    assert isinstance(refused(lambda: sdk.generations.get(generation.id)), lumaai.NotFoundError)
    assert generation.id not in [one.id for one in sdk.generations.list().generations]
    (line,) = charges()
    assert line.state == "canceled"
    assert line.amount == pytest.approx(Decimal("0.40"), abs=Decimal("0.01"))


def test_credits_fall_by_what_was_billed_in_cents(
    sdk: lumaai.LumaAI, charges: Callable[[], list[Charge]]
) -> None:
    before = sdk.credits.get().credit_balance
    ray(sdk)
    amount = charges()[0].amount
    assert amount is not None
    assert before - sdk.credits.get().credit_balance == pytest.approx(float(amount) * 100)
    assert sdk.ping.check().message == "pong"


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ("model_down", 400, "ray-2 is not available"),
        ("unauthorized", 401, "Invalid API key"),
        ("no_credit", 400, "Insufficient credits"),
        ("invalid_request", 400, "too short"),
        ("rate_limited", 429, "Rate limit"),
        ("error_500_before_accept", 500, "Internal"),
    ],
)
def test_refusals_start_and_bill_nothing(
    sdk: lumaai.LumaAI,
    server: SimulatorServer,
    charges: Callable[[], list[Charge]],
    fault: str,
    status: int,
    words: str,
) -> None:
    server.fault("luma", fault, model="ray-2", times=1)
    assert ray(sdk, model="ray-flash-2").state == "queued", "another model is not struck"
    error = refused(lambda: ray(sdk))
    assert error.status_code == status
    assert words in str(error.body)
    assert [line.model for line in charges()] == ["ray-flash-2"]
    assert ray(sdk).state == "queued", "it strikes once"


def test_a_rate_limit_tells_its_wait_in_a_header(sdk: lumaai.LumaAI, server: SimulatorServer) -> None:
    server.fault("luma", "rate_limited", retry_after=7, times=1)
    server.fault("luma", "rate_limited", retry_after=None, times=1)
    told, silent = refused(lambda: ray(sdk)), refused(lambda: ray(sdk))
    assert told.response.headers["retry-after"] == "7"
    assert "retry-after" not in silent.response.headers


@pytest.mark.parametrize(
    ("fault", "raised", "lines"),
    [
        ("disconnect_before_accept", lumaai.APIConnectionError, 0),
        ("disconnect_after_accept", lumaai.APIConnectionError, 1),
        ("error_500_after_accept", lumaai.InternalServerError, 1),
        ("malformed_body", json.JSONDecodeError, 1),
    ],
)
def test_lost_answers_and_what_the_ledger_says(
    sdk: lumaai.LumaAI,
    server: SimulatorServer,
    charges: Callable[[], list[Charge]],
    fault: str,
    raised: type[Exception],
    lines: int,
) -> None:
    server.fault("luma", fault, times=1)
    with pytest.raises(raised):
        ray(sdk)
    assert len(charges()) == lines
    if lines:
        assert sdk.generations.list(limit=1).generations[0].id == charges()[0].provider_job_id


def test_the_sdk_s_own_retries_buy_three_times(
    server: SimulatorServer, charges: Callable[[], list[Charge]]
) -> None:
    """What the guarded transport is for: the SDK repeats the POST that buys."""
    server.fault("luma", "disconnect_after_accept")
    with client_of(server).with_options(max_retries=2) as sdk, pytest.raises(lumaai.APIConnectionError):
        ray(sdk)
    assert len(charges()) == 3


def test_a_slow_answer_is_billed_although_nobody_waited(
    sdk: lumaai.LumaAI, server: SimulatorServer, charges: Callable[[], list[Charge]]
) -> None:
    server.fault("luma", "slow_answer", seconds=20, times=1)
    with pytest.raises(lumaai.APITimeoutError):
        ray(sdk.with_options(timeout=0.3))
    assert len(charges()) == 1


@pytest.mark.parametrize(
    ("fault", "params", "reason"),
    [
        ("failed", {}, "Failed to read user input frames"),
        ("failed", {"transient": True}, "Job failed"),
        ("failed", {"words": "Error dispatching job"}, "Error dispatching job"),
        ("moderated_input", {}, "Advanced prompt moderation failed"),
        ("moderated_output", {}, "Frame moderation failed"),
    ],
)
def test_failures_have_a_reason_and_are_refunded(
    sdk: lumaai.LumaAI,
    server: SimulatorServer,
    clock: ManualClock,
    charges: Callable[[], list[Charge]],
    fault: str,
    params: dict[str, Any],
    reason: str,
) -> None:
    server.fault("luma", fault, times=1, **params)
    generation = ray(sdk)
    assert charges()[0].amount, "charged when accepted"
    failed = later(sdk, clock, generation, 100)
    assert (failed.state, failed.failure_reason, failed.assets) == ("failed", reason, None)
    assert [(line.amount, line.state) for line in charges()] == [(0, "failed")]


def test_a_stuck_generation_dreams_for_ever(
    sdk: lumaai.LumaAI, server: SimulatorServer, clock: ManualClock
) -> None:
    server.fault("luma", "stuck", times=1)
    assert later(sdk, clock, ray(sdk), 1e6).state == "dreaming"


def test_an_unknown_word_reaches_the_caller(sdk: lumaai.LumaAI, server: SimulatorServer) -> None:
    generation = ray(sdk)
    server.fault("luma", "unknown_status", word="resting", times=1)
    assert [sdk.generations.get(generation.id).state for _ in range(2)] == ["resting", "queued"]


def test_polls_and_lists_fail_and_recover(sdk: lumaai.LumaAI, server: SimulatorServer) -> None:
    generation = ray(sdk)
    for fault in ("poll_500", "gone", "list_500"):
        server.fault("luma", fault, times=1)
    assert refused(lambda: sdk.generations.get(generation.id)).status_code == 500
    assert refused(lambda: sdk.generations.get(generation.id)).status_code == 404
    assert refused(sdk.generations.list).status_code == 500
    assert sdk.generations.get(generation.id).id == generation.id


def test_an_output_expires(sdk: lumaai.LumaAI, server: SimulatorServer, clock: ManualClock) -> None:
    server.fault("luma", "expired_output", times=1)
    done = later(sdk, clock, ray(sdk), 100)
    assert [httpx.get(done.assets.video).status_code for _ in range(2)] == [403, 200]


def test_a_bad_key_is_refused(server: SimulatorServer) -> None:
    with client_of(server, "luma-invalid") as sdk:
        assert isinstance(refused(sdk.credits.get), lumaai.AuthenticationError)


def test_a_key_never_belongs_at_an_output(
    sdk: lumaai.LumaAI, server: SimulatorServer, clock: ManualClock
) -> None:
    done = later(sdk, clock, ray(sdk), 100)
    assert httpx.get(done.assets.video, headers={"authorization": "Bearer luma-x"}).status_code == 400
    assert server.world.leaks[-1].vendor == "luma"
