"""Replicate's own SDK, untouched, on the simulated Replicate over a real socket."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import av
import httpx
import pytest
import replicate
from replicate.exceptions import ReplicateError

from anyvideo.testing.simulator import Charge, ManualClock, SimulatorServer
from anyvideo_replicate.simulator import create

SVD = "3f0457e4619daac51203dedb472816fd4af51f3149fa7a9e0b5ffcf1b8172438"
SVD_SLUG = "stability-ai/stable-video-diffusion"
SEEDANCE = "bytedance/seedance-1-lite"
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


@pytest.fixture
def sdk(server: SimulatorServer) -> Iterator[replicate.Client]:
    client = replicate.Client(
        api_token=server.env["REPLICATE_API_TOKEN"], base_url=server.env["REPLICATE_BASE_URL"], timeout=10
    )
    yield client
    client._client.close()


def svd(sdk: replicate.Client, **more: Any) -> Any:
    return sdk.predictions.create(version=SVD, input={"input_image": IMAGE, **more})


def seedance(sdk: replicate.Client, **more: Any) -> Any:
    return sdk.models.predictions.create(model=SEEDANCE, input={"prompt": "a fox", **more})


def post(server: SimulatorServer, path: str, body: object, **headers: str) -> httpx.Response:
    auth = {"authorization": f"Bearer {server.env['REPLICATE_API_TOKEN']}"}
    return httpx.post(f"{server.url}/replicate/v1{path}", json=body, headers=auth | headers, timeout=10)


def later(sdk: replicate.Client, clock: ManualClock, prediction: Any, seconds: float) -> Any:
    clock.advance(seconds)
    return sdk.predictions.get(prediction.id)


def refused(call: Callable[[], Any]) -> ReplicateError:
    with pytest.raises(ReplicateError) as caught:
        call()
    return caught.value


def test_a_job_runs_from_start_to_film(
    sdk: replicate.Client, clock: ManualClock, charges: Callable[[], list[Charge]]
) -> None:
    prediction = svd(sdk, video_length="25_frames_with_svd_xt", frames_per_second=6)
    assert (prediction.status, prediction.model, prediction.version) == ("starting", SVD_SLUG, SVD)
    half = later(sdk, clock, prediction, 60)
    assert half.status == "processing"
    assert half.progress.percentage == pytest.approx(0.5, abs=0.05)
    done = later(sdk, clock, prediction, 60)
    assert (done.status, done.error, done.metrics["predict_time"]) == ("succeeded", None, 32.0)
    with av.open(io.BytesIO(httpx.get(done.output).content)) as film:
        stream = film.streams.video[0]
        assert (stream.width, stream.height, stream.frames) == (1024, 576, 25)
    assert [(line.model, line.amount, line.state) for line in charges()] == [
        (SVD_SLUG, Decimal(32) * Decimal("0.0014"), "succeeded")
    ]


def test_an_official_model_bills_by_the_second_of_output(
    sdk: replicate.Client, clock: ManualClock, charges: Callable[[], list[Charge]]
) -> None:
    prediction = seedance(sdk, duration=4, resolution="480p")
    assert prediction.version == "hidden"
    done = later(sdk, clock, prediction, 100)
    assert done.metrics["video_output_duration_seconds"] == 4
    assert done.metrics["resolution_target"] == "480p"
    assert charges()[0].amount == 4 * Decimal("0.018")


@pytest.mark.parametrize(
    "version",
    [SVD, f"{SVD_SLUG}:{SVD}", SEEDANCE],
    ids=["hash", "slug and hash", "official slug"],
)
def test_versions_are_named_in_three_ways(sdk: replicate.Client, version: str) -> None:
    given = {"prompt": "a fox"} if version == SEEDANCE else {"input_image": IMAGE}
    assert sdk.predictions.create(version=version, input=given).status == "starting"


@pytest.mark.parametrize(
    "version", ["thudm/cogvideox-t2v", "0" * 64, f"thudm/cogvideox-t2v:{SVD}", "nobody/nothing"]
)
def test_other_versions_do_not_exist(
    sdk: replicate.Client, version: str, charges: Callable[[], list[Charge]]
) -> None:
    error = refused(lambda: sdk.predictions.create(version=version, input={"prompt": "a fox"}))
    assert (error.status, error.title) == (422, "Invalid version or not permitted")
    assert charges() == []


def test_a_missing_image_is_named(sdk: replicate.Client, server: SimulatorServer) -> None:
    error = refused(lambda: sdk.predictions.create(version=SVD, input={"prompt": "a fox"}))
    assert (error.status, error.detail) == (422, "- input: input_image is required\n")
    body = post(server, "/predictions", {"version": SVD, "input": {}})
    assert body.headers["content-type"] == "application/problem+json"
    assert body.json()["invalid_fields"] == [
        {"type": "required", "field": "input", "description": "input_image is required"}
    ]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"frames_per_second": 31}, "input.frames_per_second"),
        ({"frames_per_second": "six"}, "input.frames_per_second"),
        ({"video_length": "12_frames"}, "input.video_length"),
        ({"input_image": "fox.png"}, "input.input_image"),
        ({"input_image": "data:image/png;base64," + "A" * 262_144}, "input.input_image"),
        ({"seed": True}, "input.seed"),
    ],
)
def test_inputs_are_checked(server: SimulatorServer, given: dict[str, object], field: str) -> None:
    answer = post(server, "/predictions", {"version": SVD, "input": {"input_image": IMAGE, **given}})
    assert answer.status_code == 422
    assert [wrong["field"] for wrong in answer.json()["invalid_fields"]] == [field]


def test_unknown_properties_of_the_body_are_refused(server: SimulatorServer) -> None:
    answer = post(
        server, "/predictions", {"version": SVD, "input": {"input_image": IMAGE}, "model": SVD_SLUG}
    )
    assert answer.status_code == 422
    assert "Additional property model is not allowed" in answer.json()["detail"]
    official = post(server, f"/models/{SVD_SLUG}/predictions", {"input": {"input_image": IMAGE}})
    assert official.status_code == 404, "community models are called by version"


def test_canceling_is_free_before_the_start_and_billed_after_it(
    sdk: replicate.Client, clock: ManualClock, charges: Callable[[], list[Charge]]
) -> None:
    waiting, running_one = svd(sdk), svd(sdk)
    assert sdk.predictions.cancel(waiting.id).status == "canceled"
    clock.advance(60)
    assert sdk.predictions.cancel(running_one.id).status == "canceled"
    assert sdk.predictions.get(running_one.id).metrics["predict_time"] == 16
    assert [line.amount for line in charges()] == [0, 16 * Decimal("0.0014")]
    assert {line.state for line in charges()} == {"canceled"}


def test_canceling_a_finished_job_keeps_its_film(sdk: replicate.Client, clock: ManualClock) -> None:
    done = later(sdk, clock, svd(sdk), 100)
    done.cancel()
    assert sdk.predictions.get(done.id).output == done.output
    assert httpx.get(done.output).status_code == 200


@pytest.mark.parametrize(
    ("header", "after", "status", "billed"),
    [
        ("10s", 10, "aborted", Decimal(0)),
        ("1m", 60, "canceled", Decimal(16)),
        ("30", 100, "canceled", Decimal(4)),
    ],
)
def test_a_deadline_aborts_or_cancels(
    server: SimulatorServer,
    clock: ManualClock,
    charges: Callable[[], list[Charge]],
    header: str,
    after: float,
    status: str,
    billed: Decimal,
) -> None:
    body = {"version": SVD, "input": {"input_image": IMAGE}}
    created = post(server, "/predictions", body, **{"cancel-after": header}).json()
    clock.advance(after)
    found = httpx.get(created["urls"]["get"], headers={"authorization": "Bearer r8_x"}).json()
    assert found["status"] == status
    assert charges()[0].amount == billed * Decimal("0.0014")


def test_a_deadline_shorter_than_the_computing_caps_the_bill(
    server: SimulatorServer, clock: ManualClock, charges: Callable[[], list[Charge]]
) -> None:
    server.set_time(2)
    body = {"version": SVD, "input": {"input_image": IMAGE}}
    post(server, "/predictions", body, **{"cancel-after": "20s"})
    clock.advance(30)
    assert charges()[0].state == "canceled"
    assert charges()[0].amount == 20 * Decimal("0.0014")


@pytest.mark.parametrize("header", ["4", "soon", "1s", ""])
def test_bad_deadlines_are_refused(server: SimulatorServer, header: str) -> None:
    body = {"version": SVD, "input": {"input_image": IMAGE}}
    assert post(server, "/predictions", body, **{"cancel-after": header}).status_code == 400


def test_data_is_removed_after_an_hour(
    sdk: replicate.Client, clock: ManualClock, server: SimulatorServer
) -> None:
    done = later(sdk, clock, svd(sdk), 100)
    gone = later(sdk, clock, done, 3601)
    assert (gone.status, gone.output, gone.input) == ("succeeded", None, {})
    raw = httpx.get(done.urls["get"], headers={"authorization": "Bearer r8_x"}).json()
    assert raw["data_removed"] is True
    assert httpx.get(done.output).status_code == 404


def test_waiting_in_the_request(server: SimulatorServer, clock: ManualClock) -> None:
    body = {"version": SVD, "input": {"input_image": IMAGE}}
    late = post(server, "/predictions", body, prefer="wait=1")
    assert (late.status_code, late.json()["status"]) == (202, "starting")
    server.set_time(0)
    done = post(server, "/predictions", body, prefer="wait")
    assert (done.status_code, done.json()["status"]) == (201, "succeeded")
    assert done.headers["preference-applied"] == "wait=60"


def test_the_list_is_newest_first_in_pages() -> None:
    clock = ManualClock()
    with SimulatorServer([create()], clock=clock) as server:
        sdk = replicate.Client(api_token="r8_x", base_url=server.env["REPLICATE_BASE_URL"])
        old = svd(sdk).id
        clock.advance(5)
        since = clock.now().isoformat()
        made = [svd(sdk).id for _ in range(103)]
        first = sdk.predictions.list()
        assert [one.id for one in first.results] == made[:2:-1]
        assert first.previous is None
        second = sdk.predictions.list(first.next)
        assert [one.id for one in second.results] == [*made[2::-1], old]
        assert second.next is None
        assert [one.id for one in sdk.predictions.list(second.previous).results] == made[:2:-1]
        headers, url = {"authorization": "Bearer r8_x"}, f"{server.url}/replicate/v1/predictions"
        some = httpx.get(url, params={"created_after": since}, headers=headers).json()
        rest = httpx.get(some["next"], headers=headers).json()
        assert [len(some["results"]), len(rest["results"]), rest["next"]] == [100, 3, None]
        only = httpx.get(url, params={"created_before": since}, headers=headers).json()
        assert [one["id"] for one in only["results"]] == [old]
        assert httpx.get(url, params={"created_before": "soon"}, headers=headers).status_code == 400
        sdk._client.close()


def test_aborted_jobs_break_the_sdk_s_list(
    sdk: replicate.Client, server: SimulatorServer, clock: ManualClock
) -> None:
    """Replicate's own sixth status, which version 1.0.7 of the SDK does not know."""
    body = {"version": SVD, "input": {"input_image": IMAGE}}
    post(server, "/predictions", body, **{"cancel-after": "5s"})
    clock.advance(5)
    with pytest.raises(ValueError, match="aborted"):
        sdk.predictions.list()


def test_files_go_up_and_are_known_for_a_day(sdk: replicate.Client, clock: ManualClock) -> None:
    stored = sdk.files.create(
        io.BytesIO(b"\x00\x01--picture\r\n\xff"), filename="fox.png", content_type="image/png"
    )
    assert (stored.size, stored.content_type) == (14, "image/png")
    assert sdk.files.get(stored.id).checksums == stored.checksums
    assert svd(sdk, input_image=stored.urls["get"]).status == "starting"
    clock.advance(24 * 3600 + 1)
    assert refused(lambda: sdk.files.get(stored.id)).status == 404


def test_the_free_calls(sdk: replicate.Client, server: SimulatorServer) -> None:
    assert sdk.accounts.current().username == "simulated"
    assert "gpu-a100-large" in [one.sku for one in sdk.hardware.list()]
    model = sdk.models.get(SVD_SLUG)
    assert model.latest_version is not None
    assert model.latest_version.id == SVD
    assert model.latest_version.openapi_schema["components"]["schemas"]["Input"]["required"] == [
        "input_image"
    ]
    assert [one.id for one in model.versions.list()] == [SVD]
    assert model.versions.get(SVD).id == SVD
    assert sdk.webhooks.default.secret().key.startswith("whsec_")
    assert refused(lambda: sdk.models.get("nobody/nothing")).status == 404


@pytest.mark.parametrize(
    ("fault", "status", "title"),
    [
        ("model_down", 422, "Version disabled"),
        ("unauthorized", 401, "Unauthenticated"),
        ("no_credit", 402, "Insufficient credit"),
        ("invalid_request", 422, "Input validation failed"),
        ("rate_limited", 429, None),
        ("error_500_before_accept", 500, None),
    ],
)
def test_refusals_start_and_bill_nothing(
    sdk: replicate.Client,
    server: SimulatorServer,
    charges: Callable[[], list[Charge]],
    fault: str,
    status: int,
    title: str | None,
) -> None:
    server.fault("replicate", fault, model=SVD_SLUG, times=1)
    assert seedance(sdk).status == "starting", "another model is not struck"
    error = refused(lambda: svd(sdk))
    assert (error.status, error.title) == (status, title)
    assert [line.model for line in charges()] == [SEEDANCE]
    assert svd(sdk).status == "starting", "it strikes once"


def test_a_rate_limit_tells_its_wait_in_the_body(server: SimulatorServer) -> None:
    body = {"version": SVD, "input": {"input_image": IMAGE}}
    server.fault("replicate", "rate_limited", retry_after=7, times=1)
    told = post(server, "/predictions", body)
    assert (told.json()["retry_after"], "retry-after" in told.headers) == (7, False)
    server.fault("replicate", "rate_limited", retry_after=None, times=1)
    assert "retry_after" not in post(server, "/predictions", body).json()


@pytest.mark.parametrize(
    ("fault", "raised", "lines"),
    [
        ("disconnect_before_accept", httpx.RemoteProtocolError, 0),
        ("disconnect_after_accept", httpx.RemoteProtocolError, 1),
        ("error_500_after_accept", ReplicateError, 1),
        ("malformed_body", json.JSONDecodeError, 1),
    ],
)
def test_lost_answers_and_what_the_ledger_says(
    sdk: replicate.Client,
    server: SimulatorServer,
    charges: Callable[[], list[Charge]],
    fault: str,
    raised: type[Exception],
    lines: int,
) -> None:
    server.fault("replicate", fault, times=1)
    with pytest.raises(raised):
        svd(sdk)
    assert len(charges()) == lines
    if lines:
        assert sdk.predictions.get(charges()[0].provider_job_id).status == "starting"


def test_a_slow_answer_is_billed_although_nobody_waited(
    server: SimulatorServer, charges: Callable[[], list[Charge]]
) -> None:
    server.fault("replicate", "slow_answer", seconds=20, times=1)
    body = {"version": SVD, "input": {"input_image": IMAGE}}
    auth = {"authorization": "Bearer r8_x"}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{server.url}/replicate/v1/predictions", json=body, headers=auth, timeout=0.3)
    assert len(charges()) == 1


@pytest.mark.parametrize(
    ("fault", "params", "words"),
    [
        ("failed", {}, "E1001"),
        ("failed", {"transient": True}, "please retry"),
        ("failed", {"words": "it rained"}, "it rained"),
        ("moderated_input", {}, "E005"),
        ("moderated_output", {}, "NSFW"),
    ],
)
def test_failures_are_told_in_words_and_cost_nothing(
    sdk: replicate.Client,
    server: SimulatorServer,
    clock: ManualClock,
    charges: Callable[[], list[Charge]],
    fault: str,
    params: dict[str, Any],
    words: str,
) -> None:
    server.fault("replicate", fault, times=1, **params)
    failed = later(sdk, clock, svd(sdk), 100)
    assert (failed.status, failed.output) == ("failed", None)
    assert words in failed.error
    assert [(line.amount, line.state) for line in charges()] == [(0, "failed")]


def test_a_stuck_job_runs_for_ever(
    sdk: replicate.Client, server: SimulatorServer, clock: ManualClock
) -> None:
    server.fault("replicate", "stuck", times=1)
    assert later(sdk, clock, svd(sdk), 1e6).status == "processing"


def test_a_word_the_sdk_does_not_know_breaks_it(sdk: replicate.Client, server: SimulatorServer) -> None:
    prediction = svd(sdk)
    server.fault("replicate", "unknown_status", word="resting", times=1)
    with pytest.raises(ValueError, match="status"):
        sdk.predictions.get(prediction.id)
    assert sdk.predictions.get(prediction.id).status == "starting"


def test_polls_fail_and_recover(sdk: replicate.Client, server: SimulatorServer) -> None:
    prediction = svd(sdk)
    server.fault("replicate", "poll_500", times=1)
    server.fault("replicate", "gone", times=1)
    assert refused(lambda: sdk.predictions.get(prediction.id)).status == 500
    assert refused(lambda: sdk.predictions.get(prediction.id)).status == 404
    assert sdk.predictions.get(prediction.id).id == prediction.id


def test_an_output_expires(sdk: replicate.Client, server: SimulatorServer, clock: ManualClock) -> None:
    server.fault("replicate", "expired_output", times=1)
    done = later(sdk, clock, svd(sdk), 100)
    assert [httpx.get(done.output).status_code for _ in range(2)] == [404, 200]


def test_the_sdk_sends_its_key_to_outputs_and_is_caught(
    sdk: replicate.Client, server: SimulatorServer, clock: ManualClock
) -> None:
    from replicate.helpers import FileOutput

    done = later(sdk, clock, svd(sdk), 100)
    with pytest.raises(httpx.HTTPStatusError):
        FileOutput(done.output, sdk).read()
    assert server.world.leaks[-1].vendor == "replicate"


def test_a_bad_token_is_refused(server: SimulatorServer) -> None:
    client = replicate.Client(api_token="r8_invalid", base_url=server.env["REPLICATE_BASE_URL"])
    error = refused(client.accounts.current)
    assert (error.status, error.title) == (401, "Unauthenticated")
    client._client.close()
