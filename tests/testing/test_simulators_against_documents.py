"""What the simulators answer, against the vendors' own OpenAPI documents.

Those documents are not ours to ship: ANYVIDEO_WIRE names a folder that holds them. Where a document
contradicts its own examples it is read leniently, and `_lenient` says where.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from anyvideo.testing.simulator import ManualClock, SimulatorServer

FOLDER = os.environ.get("ANYVIDEO_WIRE")
pytestmark = pytest.mark.skipif(FOLDER is None, reason="ANYVIDEO_WIRE does not name the vendors' documents")

SVD = "3f0457e4619daac51203dedb472816fd4af51f3149fa7a9e0b5ffcf1b8172438"
IMAGE = "https://images.example/fox.png"
Ask = Callable[..., httpx.Response]


class Document:
    """One OpenAPI document; `check` fails on an answer that it does not allow."""

    def __init__(self, name: str, base: str) -> None:
        text = (Path(FOLDER or "") / name).read_text()
        if name.endswith(".json"):
            self._content = json.loads(text)
        else:
            import yaml

            self._content = yaml.safe_load(text)
        self._content = _lenient(self._content)
        self._base = base

    def check(self, method: str, path: str, answer: httpx.Response) -> Any:
        jsonschema = pytest.importorskip("jsonschema")
        operation = self._content["paths"][path.removeprefix(self._base)][method.lower()]
        documented = operation["responses"]
        status = str(answer.status_code)
        assert status in documented or "default" in documented, f"{method} {path} must not answer {status}"
        response = documented.get(status) or documented["default"]
        kinds = response.get("content", {})
        if not kinds:
            assert answer.content == b""
            return None
        kind = answer.headers["content-type"].partition(";")[0]
        assert kind in kinds, f"{method} {path} answers {kind}, not {list(kinds)}"
        schema = {**kinds[kind]["schema"], "components": self._content.get("components", {})}
        validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
        bad = [
            f"{'/'.join(map(str, one.path))}: {one.message}" for one in validator.iter_errors(answer.json())
        ]
        assert bad == [], f"{method} {path} {status}"
        return answer.json()


def _lenient(node: Any) -> Any:
    """The schema as it must be meant.

    `nullable` is read although OpenAPI 3.1 dropped it; optional properties may be null, as in the
    documents' own examples; `oneOf` counts as `anyOf`, since a word for an official model's version fits
    both of its branches.
    """
    if isinstance(node, list):
        return [_lenient(one) for one in node]
    if not isinstance(node, dict):
        return node
    read = {("anyOf" if key == "oneOf" else key): _lenient(value) for key, value in node.items()}
    properties = read.get("properties")
    if isinstance(properties, dict):
        needed = read.get("required", ())
        read["properties"] = {name: _maybe_null(one, name in needed) for name, one in properties.items()}
    return read


def _maybe_null(schema: Any, needed: bool) -> Any:
    strict = not isinstance(schema, dict) or (needed and not schema.get("nullable"))
    return schema if strict else {"anyOf": [{"type": "null"}, schema]}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def server(clock: ManualClock) -> Iterator[SimulatorServer]:
    vendors = [pytest.importorskip(f"anyvideo_{name}.simulator") for name in ("replicate", "runway", "luma")]
    with SimulatorServer([vendor.create() for vendor in vendors], clock=clock) as running:
        running.set_time(100)
        yield running


@pytest.fixture
def ask(server: SimulatorServer) -> Iterator[Ask]:
    headers = {"authorization": "Bearer some-key", "x-runway-version": "2024-11-06"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=10) as client:
        yield client.request


def test_replicate(ask: Ask, server: SimulatorServer, clock: ManualClock) -> None:
    document = Document("replicate-openapi.json", "/replicate/v1")

    def call(method: str, template: str, status: int, *, path: str | None = None, **more: Any) -> Any:
        answer = ask(method, "/replicate/v1" + (path or template), **more)
        assert answer.status_code == status, answer.text
        return document.check(method, template, answer)

    body = {"version": SVD, "input": {"input_image": IMAGE}}
    official = {"input": {"prompt": "a fox"}}
    create = "/models/{model_owner}/{model_name}/predictions"
    made = call("POST", "/predictions", 201, json=body, headers={"cancel-after": "5m"})
    call("POST", "/predictions", 202, json=body, headers={"prefer": "wait=1"})
    call("POST", create, 201, path="/models/bytedance/seedance-1-lite/predictions", json=official)
    server.fault("replicate", "failed", times=1)
    failing = call("POST", "/predictions", 201, json=body)
    soon = call("POST", "/predictions", 201, json=body, headers={"cancel-after": "5s"})
    dropped = call("POST", "/predictions", 201, json=body)
    read = "/predictions/{prediction_id}"
    states = []
    for _ in range(4):
        states.append(call("GET", read, 200, path=f"/predictions/{made['id']}")["status"])
        clock.advance(40)
        if len(states) == 1:
            call("POST", read + "/cancel", 200, path=f"/predictions/{dropped['id']}/cancel")
    assert states == ["starting", "processing", "processing", "succeeded"]
    for job, status in ((failing, "failed"), (soon, "aborted"), (dropped, "canceled")):
        assert call("GET", read, 200, path=f"/predictions/{job['id']}")["status"] == status
    clock.advance(3600)
    assert call("GET", read, 200, path=f"/predictions/{made['id']}")["data_removed"] is True
    call("GET", "/predictions", 200)
    for name in ("stability-ai/stable-video-diffusion", "bytedance/seedance-1-lite"):
        call("GET", "/models/{model_owner}/{model_name}", 200, path=f"/models/{name}")
        versions = call(
            "GET", "/models/{model_owner}/{model_name}/versions", 200, path=f"/models/{name}/versions"
        )
        version = f"/models/{name}/versions/{versions['results'][0]['id']}"
        call("GET", "/models/{model_owner}/{model_name}/versions/{version_id}", 200, path=version)
    stored = call("POST", "/files", 201, files={"content": ("fox.png", b"picture", "image/png")})
    one = f"/files/{stored['id']}"
    call("GET", "/files", 200)
    call("GET", "/files/{file_id}", 200, path=one)
    call("DELETE", "/files/{file_id}", 204, path=one)
    call("DELETE", "/files/{file_id}", 404, path=one)
    call("GET", "/files/{file_id}", 404, path=one)
    for free in ("/account", "/hardware", "/webhooks/default/secret"):
        call("GET", free, 200)


def test_runway(ask: Ask, server: SimulatorServer, clock: ManualClock) -> None:
    document = Document("runway-openapi.json", "/runway")

    def call(method: str, template: str, status: int, *, path: str | None = None, **more: Any) -> Any:
        answer = ask(method, "/runway" + (path or template), **more)
        assert answer.status_code == status, answer.text
        return document.check(method, template, answer)

    text = {"model": "gen4.5", "promptText": "a fox", "ratio": "1280:720", "duration": 2}
    image = {"model": "gen4_turbo", "promptImage": IMAGE, "ratio": "1280:720", "duration": 2}
    made = call("POST", "/v1/text_to_video", 200, json=text)
    call("POST", "/v1/image_to_video", 200, json=image)
    call("POST", "/v1/text_to_video", 400, json=image)
    call("POST", "/v1/image_to_video", 400, json={"model": "gen4_turbo"})
    refusals = {"model_down": 400, "no_credit": 400, "invalid_request": 400, "rate_limited": 429}
    for fault, status in refusals.items():
        server.fault("runway", fault, times=1)
        call("POST", "/v1/text_to_video", status, json=text)
    jobs = {}
    for fault in ("failed", "moderated_input", "moderated_output", "long_queue"):
        server.fault("runway", fault, times=1)
        jobs[fault] = call("POST", "/v1/text_to_video", 200, json=text)["id"]

    def read(*ids: str) -> list[str]:
        return [call("GET", "/v1/tasks/{id}", 200, path=f"/v1/tasks/{one}")["status"] for one in ids]

    states = read(made["id"], jobs["long_queue"])
    clock.advance(40)
    states += read(made["id"])
    clock.advance(100)
    states += read(made["id"], jobs["failed"], jobs["moderated_input"], jobs["moderated_output"])
    assert states == ["PENDING", "THROTTLED", "RUNNING", "SUCCEEDED", "FAILED", "FAILED", "FAILED"]
    call("DELETE", "/v1/tasks/{id}", 204, path=f"/v1/tasks/{made['id']}")
    call("GET", "/v1/tasks/{id}", 404, path=f"/v1/tasks/{made['id']}")
    call("POST", "/v1/uploads", 200, json={"filename": "fox.png", "type": "ephemeral"})
    call("GET", "/v1/organization", 200)
    call("POST", "/v1/organization/usage", 200, json={})


def test_luma(ask: Ask, server: SimulatorServer, clock: ManualClock) -> None:
    base = "/luma/dream-machine/v1"
    document = Document("luma-dream-machine-openapi.yaml", base)

    def call(method: str, template: str, status: int, *, path: str | None = None, **more: Any) -> Any:
        answer = ask(method, base + (path or template), **more)
        assert answer.status_code == status, answer.text
        return document.check(method, template, answer)

    frames = {"frame0": {"type": "image", "url": IMAGE}}
    body = {"model": "ray-2", "prompt": "a fox", "resolution": "540p", "duration": "5s", "keyframes": frames}
    made = call("POST", "/generations/video", 201, json=body)
    call("POST", "/generations/video", 400, json={"model": "ray-2"})
    for fault, status in (
        ("model_down", 400),
        ("unauthorized", 401),
        ("no_credit", 400),
        ("rate_limited", 429),
        ("error_500_before_accept", 500),
    ):
        server.fault("luma", fault, times=1)
        call("POST", "/generations/video", status, json=body)
    server.fault("luma", "failed", times=1)
    failing = call("POST", "/generations/video", 201, json=body)
    states = []
    for _ in range(3):
        states.append(call("GET", "/generations/{id}", 200, path=f"/generations/{made['id']}")["state"])
        clock.advance(50)
    states.append(call("GET", "/generations/{id}", 200, path=f"/generations/{failing['id']}")["state"])
    assert states == ["queued", "dreaming", "completed", "failed"]
    call("GET", "/generations", 200)
    call("GET", "/generations/concepts/list", 200)
    call("GET", "/credits", 200)
    call("GET", "/ping", 200)
    call("DELETE", "/generations/{id}", 204, path=f"/generations/{made['id']}")
    call("GET", "/generations/{id}", 404, path=f"/generations/{made['id']}")
