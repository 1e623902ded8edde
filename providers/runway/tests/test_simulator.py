"""Runway's own SDK, untouched, on the simulated Runway over a real socket."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import av
import httpx
import pytest
import runwayml

from anyvideo.testing.simulator import Charge, ManualClock, SimulatorServer
from anyvideo_runway.simulator import create

IMAGE = "https://images.example/fox.png"
HEADERS = {"authorization": "Bearer key_x", "x-runway-version": "2024-11-06"}


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


def client_of(server: SimulatorServer, key: str | None = None) -> runwayml.RunwayML:
    return runwayml.RunwayML(
        api_key=key or server.env["RUNWAYML_API_SECRET"],
        base_url=server.env["RUNWAYML_BASE_URL"],
        max_retries=0,
        timeout=10,
    )


@pytest.fixture
def sdk(server: SimulatorServer) -> Iterator[runwayml.RunwayML]:
    with client_of(server) as client:
        yield client


def turbo(sdk: runwayml.RunwayML, image: Any = IMAGE, seconds: int = 5) -> Any:
    return sdk.image_to_video.create(
        model="gen4_turbo", prompt_image=image, ratio="1280:720", duration=seconds
    )


def gen45(sdk: runwayml.RunwayML, **more: Any) -> Any:
    given = {"model": "gen4.5", "prompt_text": "a fox", "ratio": "720:1280", "duration": 2}
    return sdk.text_to_video.create(**(given | more))


def raw(server: SimulatorServer, endpoint: str, body: object) -> httpx.Response:
    return httpx.post(f"{server.url}/runway/v1/{endpoint}", json=body, headers=HEADERS, timeout=10)


def later(sdk: runwayml.RunwayML, clock: ManualClock, task: Any, seconds: float) -> Any:
    clock.advance(seconds)
    return sdk.tasks.retrieve(task.id)


def refused(call: Callable[[], Any]) -> runwayml.APIStatusError:
    with pytest.raises(runwayml.APIStatusError) as caught:
        call()
    return caught.value


def test_a_task_runs_from_start_to_film(
    sdk: runwayml.RunwayML, clock: ManualClock, charges: Callable[[], list[Charge]]
) -> None:
    created = turbo(sdk)
    assert created.estimated_cost.credits == 25
    assert sdk.tasks.retrieve(created.id).status == "PENDING"
    half = later(sdk, clock, created, 60)
    assert (half.status, half.progress) == ("RUNNING", 0.5)
    done = later(sdk, clock, created, 60)
    assert (done.status, done.cost.credits) == ("SUCCEEDED", 25)
    with av.open(io.BytesIO(httpx.get(done.output[0]).content)) as film:
        stream = film.streams.video[0]
        assert (stream.width, stream.height, stream.frames) == (1280, 720, 120)
    assert [(line.model, line.amount, line.state) for line in charges()] == [
        ("gen4_turbo", Decimal("0.25"), "succeeded")
    ]


@pytest.mark.parametrize(
    ("model", "audio", "price"),
    [("veo3.1", True, 320), ("veo3.1", False, 160), ("veo3.1_fast", True, 120), ("veo3.1_fast", False, 80)],
)
def test_sound_costs_more(sdk: runwayml.RunwayML, model: Any, audio: bool, price: int) -> None:
    task = sdk.text_to_video.create(
        model=model, prompt_text="a fox", ratio="1280:720", duration=8, audio=audio
    )
    assert task.estimated_cost.credits == price
    assert gen45(sdk, duration=10).estimated_cost.credits == 120


def test_an_upload_becomes_an_address_for_a_day(sdk: runwayml.RunwayML, clock: ManualClock) -> None:
    uri = sdk.uploads.create_ephemeral(file=("fox.png", b"\x89PNG" + bytes(1000))).uri
    assert uri.startswith("runway://")
    assert turbo(sdk, uri).id
    assert turbo(sdk, [{"uri": uri, "position": "first"}]).id
    clock.advance(24 * 3600 + 1)
    assert refused(lambda: turbo(sdk, uri)).status_code == 400


@pytest.mark.parametrize("size", [0, 511])
def test_uploads_must_not_be_tiny(sdk: runwayml.RunwayML, size: int) -> None:
    error = refused(lambda: sdk.uploads.create_ephemeral(file=("fox.png", bytes(size))))
    assert error.status_code == 400
    assert refused(lambda: turbo(sdk, "runway://never-uploaded")).status_code == 400


def test_everything_wrong_is_told_at_once(
    sdk: runwayml.RunwayML, charges: Callable[[], list[Charge]]
) -> None:
    error = refused(
        lambda: gen45(
            sdk, prompt_text="", ratio="1:1", duration=11, seed=-1, extra_body={"cameraMotion": "pan"}
        )
    )
    assert isinstance(error, runwayml.BadRequestError)
    body: Any = error.body
    found = {tuple(issue["path"]) or tuple(issue["keys"]) for issue in body["issues"]}
    assert found == {("promptText",), ("ratio",), ("duration",), ("seed",), ("cameraMotion",)}
    assert charges() == []


@pytest.mark.parametrize(
    ("image", "fits"),
    [
        (IMAGE, True),
        ("data:image/png;base64,AAAA", True),
        ("data:image/png;base64," + "A" * 5_242_880, False),
        ("http://images.example/fox.png", False),
        ("https://127.0.0.1/fox.png", False),
        ("https://[::1]/fox.png", False),
        ("https://images.example/" + "a" * 2048, False),
        ([{"uri": IMAGE, "position": "last"}], False),
        ([{"uri": IMAGE, "position": "first"}] * 2, False),
        ([], False),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_an_image_may_be(server: SimulatorServer, image: object, fits: bool) -> None:
    body = {"model": "gen4_turbo", "promptImage": image, "ratio": "960:960", "duration": 5}
    assert raw(server, "image_to_video", body).status_code == (200 if fits else 400)


def test_first_and_last_frame_only_where_the_model_takes_both(server: SimulatorServer) -> None:
    frames = [{"uri": IMAGE, "position": "first"}, {"uri": IMAGE, "position": "last"}]
    body = {"promptImage": frames, "ratio": "1280:720", "duration": 4}
    assert raw(server, "image_to_video", {**body, "model": "veo3.1"}).status_code == 200
    assert raw(server, "image_to_video", {**body, "model": "gen4_turbo"}).status_code == 400


def test_prompts_are_counted_in_utf16(sdk: runwayml.RunwayML) -> None:
    assert gen45(sdk, prompt_text="🦊" * 500).id
    assert refused(lambda: gen45(sdk, prompt_text="🦊" * 501)).status_code == 400


def test_a_model_of_another_endpoint_is_refused_with_the_list(sdk: runwayml.RunwayML) -> None:
    error = refused(lambda: gen45(sdk, model="gen4_turbo"))
    assert "'gen4.5' | 'veo3.1' | 'veo3.1_fast'" in str(error.body)


def test_the_version_header_is_required(server: SimulatorServer, charges: Callable[[], list[Charge]]) -> None:
    body = {"model": "gen4.5", "promptText": "a fox", "ratio": "1280:720", "duration": 2}
    only_key = {"authorization": "Bearer key_x"}
    assert httpx.post(f"{server.url}/runway/v1/text_to_video", json=body, headers=only_key).status_code == 400
    assert charges() == []


def test_deleting_is_free_before_the_start_and_billed_after_it(
    sdk: runwayml.RunwayML, clock: ManualClock, charges: Callable[[], list[Charge]]
) -> None:
    waiting, running_one = turbo(sdk), turbo(sdk)
    sdk.tasks.delete(waiting.id)
    clock.advance(60)
    sdk.tasks.delete(running_one.id)
    assert [(line.amount, line.state) for line in charges()] == [
        (0, "canceled"),
        (Decimal("0.25"), "canceled"),
    ]
    for task in (waiting, running_one):
        assert refused(lambda task=task: sdk.tasks.retrieve(task.id)).status_code == 404  # type: ignore[misc]
        assert refused(lambda task=task: sdk.tasks.delete(task.id)).status_code == 404  # type: ignore[misc]


def test_deleting_a_finished_task_destroys_its_film_and_is_still_billed(
    sdk: runwayml.RunwayML, clock: ManualClock, charges: Callable[[], list[Charge]]
) -> None:
    done = later(sdk, clock, turbo(sdk), 100)
    sdk.tasks.delete(done.id)
    assert httpx.get(done.output[0]).status_code == 403
    assert refused(lambda: sdk.tasks.retrieve(done.id)).status_code == 404
    assert [(line.amount, line.state) for line in charges()] == [(Decimal("0.25"), "succeeded")]


def test_a_canceled_task_can_be_kept_readable() -> None:
    clock = ManualClock()
    with SimulatorServer([create(after_delete="cancelled")], clock=clock) as server, client_of(server) as sdk:
        task = turbo(sdk)
        sdk.tasks.delete(task.id)
        found: Any = sdk.tasks.retrieve(task.id)
        assert (found.status, found.cost.credits) == ("CANCELLED", 0)


def test_output_addresses_are_fresh_each_time_and_last_a_day(
    sdk: runwayml.RunwayML, clock: ManualClock
) -> None:
    done = later(sdk, clock, turbo(sdk), 100)
    again = later(sdk, clock, done, 24 * 3600 + 1)
    assert again.output != done.output
    assert httpx.get(done.output[0]).status_code == 403
    assert httpx.get(again.output[0]).status_code == 200


def test_an_expired_address_stays_so_and_a_fresh_one_works(
    sdk: runwayml.RunwayML, server: SimulatorServer, clock: ManualClock
) -> None:
    done = later(sdk, clock, turbo(sdk), 100)
    server.fault("runway", "expired_output", times=1)
    assert [httpx.get(done.output[0]).status_code for _ in range(2)] == [403, 403]
    assert httpx.get(sdk.tasks.retrieve(done.id).output[0]).status_code == 200  # type: ignore[union-attr]


def test_the_organization_counts_what_was_spent(sdk: runwayml.RunwayML, clock: ManualClock) -> None:
    before: Any = sdk.organization.retrieve()
    gen45(sdk, duration=5)
    clock.advance(100)
    after: Any = sdk.organization.retrieve()
    assert before.credit_balance - after.credit_balance == 60
    used: Any = sdk.organization.retrieve_usage()
    assert "gen4.5" in used.models


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ("model_down", 400, "not available"),
        ("unauthorized", 401, "API key"),
        ("no_credit", 400, "You do not have enough credits to run this task."),
        ("invalid_request", 400, "Validation of body failed"),
        ("rate_limited", 429, "limit"),
        ("error_500_before_accept", 500, "unexpected"),
    ],
)
def test_refusals_start_and_bill_nothing(
    sdk: runwayml.RunwayML,
    server: SimulatorServer,
    charges: Callable[[], list[Charge]],
    fault: str,
    status: int,
    words: str,
) -> None:
    server.fault("runway", fault, model="gen4_turbo", times=1)
    assert gen45(sdk).id, "another model is not struck"
    error = refused(lambda: turbo(sdk))
    assert error.status_code == status
    assert words in str(error.body)
    assert [line.model for line in charges()] == ["gen4.5"]
    assert turbo(sdk).id, "it strikes once"


def test_a_rate_limit_tells_its_wait_in_a_header(sdk: runwayml.RunwayML, server: SimulatorServer) -> None:
    server.fault("runway", "rate_limited", retry_after=7, times=1)
    server.fault("runway", "rate_limited", retry_after=None, times=1)
    told, silent = refused(lambda: turbo(sdk)), refused(lambda: turbo(sdk))
    assert told.response.headers["retry-after"] == "7"
    assert "retry-after" not in silent.response.headers


@pytest.mark.parametrize(
    ("fault", "raised", "lines"),
    [
        ("disconnect_before_accept", runwayml.APIConnectionError, 0),
        ("disconnect_after_accept", runwayml.APIConnectionError, 1),
        ("error_500_after_accept", runwayml.InternalServerError, 1),
        ("malformed_body", json.JSONDecodeError, 1),
    ],
)
def test_lost_answers_and_what_the_ledger_says(
    sdk: runwayml.RunwayML,
    server: SimulatorServer,
    charges: Callable[[], list[Charge]],
    fault: str,
    raised: type[Exception],
    lines: int,
) -> None:
    server.fault("runway", fault, times=1)
    with pytest.raises(raised):
        turbo(sdk)
    assert len(charges()) == lines


def test_the_sdk_s_own_retries_buy_three_times(
    server: SimulatorServer, charges: Callable[[], list[Charge]]
) -> None:
    """What the guarded transport is for: the SDK repeats the POST that buys."""
    server.fault("runway", "disconnect_after_accept")
    with client_of(server).with_options(max_retries=2) as sdk, pytest.raises(runwayml.APIConnectionError):
        turbo(sdk)
    assert [line.amount for line in charges()] == [Decimal("0.25")] * 3


def test_a_slow_answer_is_billed_although_nobody_waited(
    sdk: runwayml.RunwayML, server: SimulatorServer, charges: Callable[[], list[Charge]]
) -> None:
    server.fault("runway", "slow_answer", seconds=20, times=1)
    with pytest.raises(runwayml.APITimeoutError):
        turbo(sdk.with_options(timeout=0.3))
    assert len(charges()) == 1


@pytest.mark.parametrize(
    ("fault", "params", "code", "billed"),
    [
        ("failed", {}, "INTERNAL.BAD_OUTPUT.01", 0),
        ("failed", {"transient": True}, "THIRD_PARTY.UNAVAILABLE", 0),
        ("failed", {"code": "ASSET.INVALID", "words": "bad picture"}, "ASSET.INVALID", 0),
        ("moderated_input", {}, "SAFETY.INPUT.TEXT", 25),
        ("moderated_output", {}, "SAFETY.OUTPUT.VIDEO", 0),
    ],
)
def test_failures_have_a_code_and_runway_s_refunds(
    sdk: runwayml.RunwayML,
    server: SimulatorServer,
    clock: ManualClock,
    charges: Callable[[], list[Charge]],
    fault: str,
    params: dict[str, Any],
    code: str,
    billed: int,
) -> None:
    server.fault("runway", fault, times=1, **params)
    failed = later(sdk, clock, turbo(sdk), 100)
    assert (failed.status, failed.failure_code, failed.cost.credits) == ("FAILED", code, billed)
    assert failed.failure == params.get("words", failed.failure) != ""
    assert [(line.amount, line.state) for line in charges()] == [(Decimal(billed) / 100, "failed")]


def test_a_stuck_task_runs_for_ever(
    sdk: runwayml.RunwayML, server: SimulatorServer, clock: ManualClock
) -> None:
    server.fault("runway", "stuck", times=1)
    assert later(sdk, clock, turbo(sdk), 1e6).status == "RUNNING"


def test_a_longer_queue_is_called_throttled(
    sdk: runwayml.RunwayML, server: SimulatorServer, clock: ManualClock
) -> None:
    server.fault("runway", "long_queue", seconds=500, times=1)
    task = turbo(sdk)
    assert later(sdk, clock, task, 499).status == "THROTTLED"
    assert later(sdk, clock, task, 60).status == "RUNNING"


def test_an_unknown_word_reaches_the_caller(sdk: runwayml.RunwayML, server: SimulatorServer) -> None:
    task = turbo(sdk)
    server.fault("runway", "unknown_status", word="RESTING", times=1)
    assert [sdk.tasks.retrieve(task.id).status for _ in range(2)] == ["RESTING", "PENDING"]


def test_polls_fail_and_recover(sdk: runwayml.RunwayML, server: SimulatorServer) -> None:
    task = turbo(sdk)
    server.fault("runway", "poll_500", times=1)
    server.fault("runway", "gone", times=1)
    assert refused(lambda: sdk.tasks.retrieve(task.id)).status_code == 500
    assert refused(lambda: sdk.tasks.retrieve(task.id)).status_code == 404
    assert sdk.tasks.retrieve(task.id).id == task.id


def test_a_bad_key_is_refused(server: SimulatorServer) -> None:
    with client_of(server, "key_invalid") as sdk:
        assert isinstance(refused(sdk.organization.retrieve), runwayml.AuthenticationError)


def test_a_key_never_belongs_at_an_output(
    sdk: runwayml.RunwayML, server: SimulatorServer, clock: ManualClock
) -> None:
    done = later(sdk, clock, turbo(sdk), 100)
    assert httpx.get(done.output[0], headers={"authorization": "Bearer key_x"}).status_code == 400
    assert server.world.leaks[-1].vendor == "runway"
