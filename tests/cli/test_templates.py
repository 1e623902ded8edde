"""Output templates on the command line: one file for each clip, under its name, below its folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from anyvideo.testing.simulator import SimulatorServer

from .conftest import Run

LUMA = ("-m", "luma/ray-flash-2", "--poll-interval", "0.1", "--json")
TOML = '[output]\nfolder = "clips"\ntemplate = "{provider}/{job_id}.mp4"\n'
TWO = [{"prompt": "a red fox"}, {"prompt": "an owl", "index": 4}]


def saved() -> list[str]:
    """Every clip below the working folder."""
    return sorted(path.as_posix() for path in Path().rglob("*.mp4"))


@pytest.mark.usefixtures("server")
def test_an_output_with_words_in_braces_is_a_template(run: Run) -> None:
    done = run("generate", "A fox, ../../etc!", *LUMA, "-o", "out/deep/{provider}/{prompt}-{index}.mp4")
    assert done.code == 0, done.err
    assert saved() == ["out/deep/luma/a-fox-etc-0.mp4"]
    assert Path(done.document["path"]).resolve() == Path(saved()[0]).resolve()
    assert Path(done.document["sheet"]).parent == Path(done.document["path"]).parent


@pytest.mark.usefixtures("server")
def test_the_template_of_the_settings_names_the_one_file(run: Run) -> None:
    Path("anyvideo.toml").write_text(TOML)
    done = run("generate", "a fox", *LUMA, "--job-id", "fox-1")
    assert done.code == 0, done.err
    assert saved() == ["clips/luma/fox-1.mp4"]
    again = run("resume", "fox-1", "--json")
    assert (again.code, again.document["path"]) == (0, done.document["path"])
    assert saved() == ["clips/luma/fox-1.mp4"]


@pytest.mark.usefixtures("server")
def test_a_clip_that_was_bought_before_comes_under_the_name_that_is_asked_for_now(run: Run) -> None:
    assert run("generate", "a fox", *LUMA, "-o", "fox.mp4", "--idempotency-key", "one").code == 0
    done = run("generate", "a fox", *LUMA, "-o", "{prompt}/{index}.mp4", "--idempotency-key", "one")
    assert done.code == 0, done.err
    assert saved() == ["a-fox/0.mp4", "fox.mp4"]


@pytest.mark.usefixtures("server")
def test_a_named_file_beats_the_template(run: Run) -> None:
    Path("anyvideo.toml").write_text(TOML)
    done = run("generate", "a fox", *LUMA, "-o", "fox.mp4")
    assert (done.code, done.document["path"]) == (0, "fox.mp4")


@pytest.mark.parametrize("command", ["generate", "plan"])
@pytest.mark.parametrize(
    "output",
    ["{job_id}/../../x.mp4", "{home}.mp4", "{job_id}", "{job_id.mp4", "{job_id!r}.mp4", "{job_id}/ /x.mp4"],
)
def test_a_template_that_could_lead_elsewhere_costs_nothing(
    server: SimulatorServer, run: Run, command: str, output: str
) -> None:
    done = run(command, "a fox", *("-m", "luma/ray-flash-2"), "-o", output, "--json")
    assert (done.code, done.document["error"]["field"]) == (2, "output")
    assert server.world.requests == []
    assert saved() == []


def test_a_template_below_a_file_costs_nothing(server: SimulatorServer, run: Run) -> None:
    Path("taken").write_text("a file")
    done = run("generate", "a fox", *LUMA, "-o", "taken/{job_id}.mp4")
    assert (done.code, done.document["error"]["field"]) == (2, "output")
    assert server.world.requests == []


@pytest.mark.usefixtures("server")
def test_a_batch_names_its_clips_by_the_settings_template_too(run: Run) -> None:
    Path("anyvideo.toml").write_text(TOML)
    Path("scenes.json").write_text(json.dumps(TWO))
    done = run("batch", "scenes.json", *LUMA, "--id", "b")
    assert done.code == 0, done.err
    assert saved() == ["clips/scenes/luma/b-0.mp4", "clips/scenes/luma/b-4.mp4"]
    told = [Path(clip["path"]).relative_to(Path.cwd()).as_posix() for clip in done.document["clips"]]
    assert told == saved()


@pytest.mark.usefixtures("server")
def test_the_name_of_a_batch_beats_the_template_and_a_clips_own_beats_both(run: Run) -> None:
    Path("anyvideo.toml").write_text(TOML)
    Path("scenes.json").write_text(json.dumps([*TWO, {"prompt": "snow", "output": "{day}/{prompt}.mp4"}]))
    done = run("batch", "scenes.json", *LUMA, "--name", "{batch_id}/{index}-{prompt}.mp4", "--id", "b")
    assert done.code == 0, done.err
    [snow] = [path for path in saved() if path.endswith("/snow.mp4")]
    assert saved() == sorted(["clips/scenes/b/0-a-red-fox.mp4", "clips/scenes/b/4-an-owl.mp4", snow])


@pytest.mark.usefixtures("server")
def test_another_batch_in_the_same_folder_overwrites_nothing(run: Run) -> None:
    Path("scenes.json").write_text(json.dumps(TWO))
    first = run("batch", "scenes.json", *LUMA, "--id", "one")
    before = {path: Path(path).read_bytes() for path in saved()}
    Path("scenes.json").write_text(json.dumps([{"prompt": "snow", "duration": 9}, {"prompt": "rain"}]))
    second = run("batch", "scenes.json", *LUMA, "--id", "two")
    assert (first.code, second.code) == (0, 0), second.err
    assert {path: Path(path).read_bytes() for path in before} == before
    assert [clip["path"] for clip in second.document["clips"]] == ["scenes/clip_0-2.mp4", "scenes/clip_1.mp4"]


@pytest.mark.usefixtures("server")
def test_a_resumed_batch_may_go_to_another_folder(run: Run) -> None:
    Path("scenes.json").write_text(json.dumps(TWO))
    assert run("batch", "scenes.json", *LUMA).code == 0
    done = run("batch", "scenes.json", *LUMA, "--resume", "-o", "other", "--name", "{index}.mp4")
    assert [clip["path"] for clip in done.document["clips"]] == ["other/0.mp4", "other/4.mp4"]
    Path("other/4.mp4").unlink()
    Path("scenes/clip_4.mp4").unlink()
    again = run("batch", "scenes.json", *LUMA, "--resume", "-o", "other", "--name", "{index}.mp4")
    assert again.document["clips"] == done.document["clips"]
    assert Path("other/4.mp4").is_file()
