"""What the options about pictures, steps and motion do, on the simulators."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from anyvideo.testing.simulator import SimulatorServer

from .conftest import Run

SVD, COG, LUMA = "replicate/stable-video-diffusion", "replicate/cogvideox-t2v", "luma/ray-flash-2"
FAST = ("--poll-interval", "0.1", "--json")


@pytest.fixture
def picture(run: Run) -> str:
    Image.new("RGB", (1024, 576), "navy").save("lake.png")
    return "lake.png"


def sent(server: SimulatorServer) -> Mapping[str, Any]:
    """The inputs of the latest generation that the vendor took."""
    *_, job = server.world.jobs.values()
    return job.request


def test_steps_and_motion_reach_the_models_that_take_them(
    server: SimulatorServer, run: Run, picture: str
) -> None:
    done = run("generate", "--image", picture, "-m", SVD, "--motion", "90", *FAST)
    assert done.code == 0, done.err
    assert sent(server)["motion_bucket_id"] == 90
    done = run("generate", "a fox", "-m", COG, "--steps", "30", *FAST)
    assert done.code == 0, done.err
    assert sent(server)["num_inference_steps"] == 30


def test_a_plan_says_that_a_model_takes_no_steps(server: SimulatorServer, run: Run) -> None:
    done = run("plan", "a fox", "-m", LUMA, "--steps", "30", "--motion", "90", "--json")
    [candidate] = done.document["candidates"]
    dropped = {change["field"] for change in candidate["adjustments"] if change["given"] is None}
    assert {"steps", "motion"} <= dropped


def test_a_picture_is_uploaded_where_that_is_asked_for(
    server: SimulatorServer, run: Run, picture: str
) -> None:
    for transfer, uploads in (("auto", 0), ("upload", 1)):
        done = run("generate", "--image", picture, "-m", SVD, "--image-transfer", transfer, *FAST)
        assert done.code == 0, done.err
        stored = [
            seen for seen in server.world.requests if (seen.method, seen.path[-6:]) == ("POST", "/files")
        ]
        assert len(stored) == uploads


def test_content_is_no_address_and_the_plan_knows(server: SimulatorServer, run: Run, picture: str) -> None:
    before = len(server.world.requests)
    for command in ("plan", "generate"):
        done = run(command, "--image", picture, "-m", SVD, "--image-transfer", "url", "--json")
        assert (done.code, done.document["error"]["field"]) == (2, "image_transfer")
    assert len(server.world.requests) == before


@pytest.mark.parametrize("command", ["plan", "generate"])
def test_a_picture_that_cannot_be_read_is_left_out_where_that_is_allowed(
    server: SimulatorServer, run: Run, command: str
) -> None:
    arguments = (command, "a fox", "--image", "nowhere.png", "-m", LUMA)
    refused = run(*arguments, "--json")
    assert (refused.code, refused.document["error"]["field"]) == (2, "image")
    done = run(*arguments, "--image-fallback", "text", "--json")
    assert done.code == 0, done.err
    told = done.document if command == "generate" else done.document["candidates"][0]
    assert "image" in [change["field"] for change in told["adjustments"]]


def test_a_batch_takes_the_options_about_pictures(server: SimulatorServer, run: Run) -> None:
    Path("scenes.json").write_text(json.dumps([{"prompt": "a fox", "image": "nowhere.png"}]))
    arguments = ("batch", "scenes.json", "-m", LUMA, *FAST)
    refused = run(*arguments)
    assert (refused.code, refused.document["error"]["field"]) == (2, "image")
    done = run(*arguments, "--image-fallback", "text")
    assert (done.code, done.document["successful"]) == (0, 1), done.err


def test_a_batch_says_what_it_changed(server: SimulatorServer, run: Run, picture: str) -> None:
    scenes = [{"prompt": "a fox", "image": picture}, {"prompt": "a hare", "image": picture}]
    Path("scenes.json").write_text(json.dumps(scenes))
    done = run("batch", "scenes.json", "-m", SVD, "--poll-interval", "0.1")
    assert done.code == 0, done.err
    assert [line for line in done.out.splitlines() if "prompt: dropped" in line and line.startswith("change")]
    assert done.out.count("prompt: dropped") == 1
    told = run("batch", "scenes.json", "-m", SVD, "--resume", *FAST).document
    for clip in told["clips"]:
        assert "prompt" in [change["field"] for change in clip["adjustments"]]


@pytest.mark.parametrize("name", ["scenes.json", "scenes.yaml"])
def test_an_empty_prompt_of_a_batch_is_turned_down_as_elsewhere(
    server: SimulatorServer, run: Run, picture: str, name: str
) -> None:
    Path(name).write_text(json.dumps([{"prompt": "", "image": picture}]))
    done = run("batch", name, "-m", SVD, *FAST)
    assert (done.code, done.document["error"]["field"]) == (2, "prompt")
    assert "prompt is empty" in done.document["error"]["message"]
    assert not server.world.jobs


@pytest.mark.parametrize(
    ("option", "value", "field"),
    [
        ("--image-transfer", "post", "image_transfer"),
        ("--image-fallback", "film", "image_fallback"),
        ("--steps", "0", "steps"),
        ("--steps", "few", "steps"),
        ("--motion", "256", "motion"),
    ],
)
@pytest.mark.parametrize("command", ["plan", "generate"])
def test_a_wrong_value_is_named(run: Run, command: str, option: str, value: str, field: str) -> None:
    done = run(command, "a fox", "-m", LUMA, option, value, "--json")
    assert (done.code, done.document["error"]["field"]) == (2, field)


def test_the_pictures_of_a_batch_file_start_from_its_folder(
    server: SimulatorServer, run: Run, picture: str
) -> None:
    Path("film").mkdir()
    Path(picture).rename("film/lake.png")
    told = [{"prompt": "a fox", "image": "lake.png", "reference_images": {"fox": "lake.png"}}]
    Path("film/scenes.json").write_text(json.dumps(told))
    done = run("batch", "film/scenes.json", "-m", "runway/gen4_turbo", *FAST)
    assert done.code == 0, done.out
    job = run("jobs", "show", done.document["clips"][0]["job_ids"][0], "--json").document
    assert "reference_image.fox" in job["metadata"]
