"""The JSON shapes that scripts depend on."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from anyvideo.catalog.load import parse_catalog
from anyvideo.cli import documents
from anyvideo.types.errors import AllModelsFailed, GenerationFailed, InvalidRequest, NoModelFits
from anyvideo.types.job import Artifact, Attempt, Failure, Job, JobOptions, MediaInfo, Mismatch, Ref
from anyvideo.types.money import Cost, CostBasis, Quote
from anyvideo.types.plan import Adjustment, Candidate, Fit, Plan, Rejection
from anyvideo.types.request import Task, VideoRequest
from anyvideo.types.states import AttemptState, JobStatus
from anyvideo.types.video import Video

MODELS = """
[[model]]
id = "fast"
tasks = ["text_to_video"]
status = "deprecated"
retires = 2027-01-31
checked = 2026-11-01
source = "a page"
required = ["prompt"]

[model.inputs]
prompt = "text"

[model.length]
seconds = [5, 10]
input = "seconds"
default = 5

[model.shape]
default_ratio = "16:9"
default_resolution = "720p"
size = [{ ratio = "16:9", resolution = "720p", pixels = [1280, 720] }]

[model.time]
median = 60
p99 = 300

[[model.price]]
per = "video"
amount = "0.50"
"""
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SHORTER = Adjustment(field="duration", asked="5.2", given="5", reason="5 or 10 seconds only")
SMALLER = Mismatch(field="resolution", ordered="1280x720", measured="320x180")
FIT = Fit(
    model="acme/fast",
    task=Task.TEXT_TO_VIDEO,
    prompt="a fox",
    negative_prompt=None,
    image=None,
    image_input=None,
    duration=5.0,
    frames=None,
    fps=24.0,
    aspect_ratio="16:9",
    resolution="720p",
    size=(1280, 720),
    audio=False,
    seed=None,
    inputs={"prompt": "a fox"},
    adjustments=(SHORTER,),
)
QUOTE = Quote(expected_micros=250_000, ceiling_micros=1_200_000)
INFO = MediaInfo(
    duration=5.0,
    fps=24.0,
    width=1280,
    height=720,
    codec="h264",
    audio=False,
    bytes=812_345,
    sha256="0f" * 32,
    faststart=True,
)


def attempt(number: int, **changes: Any) -> Attempt:
    facts: dict[str, Any] = {
        "id": f"attempt_{number}",
        "number": number,
        "model": "acme/fast",
        "vendor": "acme",
        "account": None,
        "fit": FIT,
        "quote": QUOTE,
        "state": AttemptState.SETTLED,
        "tag": "tag",
        "created_at": NOON,
    }
    return Attempt(**(facts | changes))


FAILED = attempt(
    1,
    state=AttemptState.FAILED,
    ref=Ref(job_id="remote-1", model="fast"),
    cost=Cost(micros=0, basis=CostBasis.REPORTED),
    failure=Failure(kind="GenerationFailed", message="it broke", code="E17"),
)
SETTLED = attempt(
    2, ref=Ref(job_id="remote-2", model="fast"), cost=Cost(micros=250_000, basis=CostBasis.COMPUTED)
)
JOB = Job(
    id="job_1",
    request=VideoRequest(prompt="a fox"),
    plan=Plan(candidates=(Candidate(model="acme/fast", vendor="acme", fit=FIT, quote=QUOTE),)),
    options=JobOptions(),
    created_at=NOON,
    status=JobStatus.SUCCEEDED,
    attempts=(FAILED, SETTLED),
    artifact=Artifact(path=Path("/store/job_1.mp4"), info=INFO, mismatches=(SMALLER,)),
)
VIDEO = Video(
    job_id="job_1",
    path=Path("/store/job_1.mp4"),
    info=INFO,
    model="acme/fast",
    cost=Cost(micros=250_000, basis=CostBasis.COMPUTED),
    attempts=(FAILED, SETTLED),
    adjustments=(SHORTER,),
    mismatches=(SMALLER,),
)


def test_a_video_is_documented_with_file_cost_and_every_attempt() -> None:
    document = documents.video_document(VIDEO, path=Path("fox.mp4"), sheet=Path("fox.sheet.png"))
    assert json.loads(json.dumps(document)) == {
        "job_id": "job_1",
        "status": "succeeded",
        "provider": "acme",
        "model": "acme/fast",
        "path": "fox.mp4",
        "sheet": "fox.sheet.png",
        "label": None,
        "info": {
            "duration": 5.0,
            "fps": 24.0,
            "width": 1280,
            "height": 720,
            "codec": "h264",
            "audio": False,
            "bytes": 812_345,
            "sha256": "0f" * 32,
        },
        "cost": {"amount": "0.25", "currency": "USD", "basis": "computed"},
        "attempts": [
            {
                "provider": "acme",
                "model": "acme/fast",
                "status": "failed",
                "provider_job_id": "remote-1",
                "charged": "no",
                "cost": {"amount": "0.00", "currency": "USD", "basis": "reported"},
                "error": {"type": "GenerationFailed", "message": "it broke", "code": "E17"},
            },
            {
                "provider": "acme",
                "model": "acme/fast",
                "status": "settled",
                "provider_job_id": "remote-2",
                "charged": "yes",
                "cost": {"amount": "0.25", "currency": "USD", "basis": "computed"},
                "error": None,
            },
        ],
        "adjustments": [
            {"field": "duration", "asked": "5.2", "given": "5", "reason": "5 or 10 seconds only"}
        ],
        "mismatches": [{"field": "resolution", "ordered": "1280x720", "measured": "320x180"}],
        "held": "0.00",
    }


def test_a_job_document_has_everything_that_a_video_document_has() -> None:
    job = documents.job_document(JOB)
    video = documents.video_document(VIDEO, path=Path("/store/job_1.mp4"), sheet=None)
    assert {name: job[name] for name in video} == video
    assert (job["created_at"], job["prompt"]) == ("2026-11-21T12:00:00Z", "a fox")


def test_a_job_that_has_not_started_is_full_of_nulls_and_not_of_gaps() -> None:
    fresh = Job(
        id="job_2", request=VideoRequest(prompt="a fox"), plan=Plan(), options=JobOptions(), created_at=NOON
    )
    document = documents.job_document(fresh)
    assert document.keys() == documents.job_document(JOB).keys()
    assert [document[name] for name in ("model", "path", "info", "cost", "error")] == [None] * 5


def test_a_plan_is_documented_with_quotes_and_reasons() -> None:
    unready = Candidate(
        model="other/slow",
        vendor="other",
        fit=FIT,
        quote=Quote(expected_micros=None, ceiling_micros=None),
        ready=False,
        missing="set OTHER_KEY",
    )
    plan = Plan(
        candidates=(*JOB.plan.candidates, unready),
        rejections=(Rejection(model="acme/old", reason="retired on 2026-09-24"),),
    )
    document = documents.plan_document(plan)
    first, second = document["candidates"]
    assert (first["provider"], first["model"], first["ready"]) == ("acme", "acme/fast", True)
    assert first["quote"] == {"expected": "0.25", "ceiling": "1.20", "currency": "USD", "stale": False}
    assert (second["ready"], second["missing"]) == (False, "set OTHER_KEY")
    assert (second["quote"]["expected"], second["quote"]["ceiling"]) == (None, None)
    (rejection,) = document["rejections"]
    assert (rejection["provider"], rejection["model"], rejection["reason"]) == (
        "acme",
        "acme/old",
        "retired on 2026-09-24",
    )


@pytest.mark.parametrize(
    ("micros", "text"), [(0, "0.00"), (250_000, "0.25"), (7, "0.000007"), (3_000_000_000, "3000.00")]
)
def test_amounts_are_decimal_text_without_exponents(micros: int, text: str) -> None:
    document = documents.cost_document(Cost(micros=micros, basis=CostBasis.COMPUTED))
    assert document is not None
    assert document["amount"] == text
    assert Decimal(document["amount"]) * 1_000_000 == micros


def test_an_error_is_documented_with_field_and_way_out() -> None:
    error = InvalidRequest("the ratio is odd", field="aspect_ratio", hint="use 16:9")
    assert documents.error_document(error) == {
        "error": {
            "type": "InvalidRequest",
            "message": "the ratio is odd",
            "field": "aspect_ratio",
            "hint": "use 16:9",
        }
    }


def test_the_error_of_a_job_carries_its_id_and_attempts() -> None:
    error = AllModelsFailed("all failed", [GenerationFailed("it broke")], job_id="job_1")
    document = documents.error_document(error, job=JOB)
    assert document["error"]["type"] == "AllModelsFailed"
    assert document["job_id"] == "job_1"
    assert [one["status"] for one in document["attempts"]] == ["failed", "settled"]


def test_the_error_of_an_empty_plan_carries_the_reasons() -> None:
    plan = Plan(rejections=(Rejection(model="acme/old", reason="retired"),))
    document = documents.error_document(NoModelFits("nothing fits", plan=plan))
    assert [one["reason"] for one in document["rejections"]] == ["retired"]


def test_a_model_is_documented_as_it_is_declared() -> None:
    (spec,) = parse_catalog(MODELS, provider="acme", vendor="acme").models
    document = json.loads(json.dumps(documents.spec_document(spec)))
    assert (document["id"], document["provider"], document["name"]) == ("acme/fast", "acme", "fast")
    assert (document["status"], document["retires"]) == ("deprecated", "2027-01-31")
    assert document["prices"][0]["amount"] == "0.50"
    assert document["length"]["seconds"] == [5.0, 10.0]
    assert document["required"] == ["prompt"]
