"""`anyvideo batch` where the disk, the file or the clock is not as it should be: paid clips are told."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from signal import SIGINT

import pytest

from anyvideo.media import read_mp4
from anyvideo.testing.simulator import SimulatorServer
from anyvideo.testing.simulator.clips import Clip, ClipFolder

from .conftest import Run
from .test_batches import LUMA, SCENES, write

LATE = "2099-07-01T02:30+02:00"


def test_a_clip_that_was_deleted_is_put_back(here: Path, run: Run, server: SimulatorServer) -> None:
    before = len(server.ledger())
    assert run("batch", write(here), *LUMA).code == 0
    (here / "scenes" / "clip_2.mp4").unlink()
    again = run("batch", "scenes.yaml", *LUMA, "--resume", "--json")
    assert (again.code, again.document["successful"]) == (0, 3)
    assert read_mp4(here / again.document["clips"][2]["path"]).duration > 0
    assert (here / "scenes" / "clip_2.mp4").exists()
    assert len(server.ledger()) == before + 3


@pytest.mark.parametrize("as_json", [True, False])
def test_clips_that_find_no_place_are_told_where_they_are(here: Path, run: Run, as_json: bool) -> None:
    (here / "scenes").mkdir()
    (here / "scenes" / "taken").write_text("a file where the names need a folder")
    name = ("--name", "taken/{index}.mp4")
    done = run("batch", write(here), *LUMA, *name, *(["--json"] if as_json else []))
    assert done.code == 7, done.err
    kept = sorted((here.parent / "videos").glob("*.mp4"))
    assert len(kept) == 3
    assert all(str(path) in done.err for path in kept)
    if as_json:
        assert sorted(clip["path"] for clip in done.document["clips"]) == [str(path) for path in kept]
        assert (done.document["successful"], done.document["error"]["type"]) == (3, "NotSaved")
        assert done.document["error"]["field"] == "output"
    else:
        assert "3 of 3" in done.out
        assert "could not be written below scenes: 0, 4, 2" in done.err
    (here / "scenes" / "taken").unlink()
    again = run("batch", "scenes.yaml", *LUMA, *name, "--resume", "--json")
    assert (again.code, "error" in again.document) == (0, False)
    assert all((here / clip["path"]).exists() for clip in again.document["clips"])
    assert {Path(clip["path"]).parent for clip in again.document["clips"]} == {Path("scenes/taken")}


def test_the_file_may_name_the_clips_and_a_clip_its_own(
    here: Path, run: Run, server: SimulatorServer
) -> None:
    before = len(server.ledger())
    text = (
        "output: films/{index}-x.mp4\n"
        "clips:\n  - prompt: a fox\n  - {prompt: a hare, output: hare.mp4}\n  - prompt: an owl\n"
    )
    name = write(here, text)
    first = run("batch", name, *LUMA, "--json")
    assert first.code == 0, first.err
    paths = ["scenes/films/0-x.mp4", "scenes/hare.mp4", "scenes/films/2-x.mp4"]
    assert [clip["path"] for clip in first.document["clips"]] == paths
    elsewhere = run("batch", name, *LUMA, "--resume", "-o", "other", "--json")
    moved = [path.replace("scenes", "other") for path in paths]
    assert [clip["path"] for clip in elsewhere.document["clips"]] == moved
    named = run("batch", name, *LUMA, "--resume", "-o", "third", "--name", "n{index}.mp4", "--json")
    assert [clip["path"] for clip in named.document["clips"]] == [
        "third/n0.mp4",
        "third/hare.mp4",
        "third/n2.mp4",
    ]
    assert len(server.ledger()) == before + 3


def test_clips_that_ask_for_one_name_get_numbers(here: Path, run: Run) -> None:
    text = "- {prompt: a fox, output: a.mp4}\n- {prompt: a hare, output: a.mp4, duration: 9}\n"
    done = run("batch", write(here, text), *LUMA, "--json")
    paths = [clip["path"] for clip in done.document["clips"]]
    assert sorted(paths) == ["scenes/a-2.mp4", "scenes/a.mp4"]


def test_a_batch_whose_picture_is_gone_can_be_resumed(here: Path, run: Run, server: SimulatorServer) -> None:
    from PIL import Image

    before = len(server.ledger())
    Image.new("RGB", (640, 360), "navy").save(here / "lake.png")
    name = write(here, "- prompt: a fox\n  image: lake.png\n- prompt: a hare\n")
    route = ("-m", "runway/gen4.5", "--poll-interval", "0.1", "--image-fallback", "text")
    assert run("batch", name, *route).code == 0
    (here / "lake.png").unlink()
    assert "--resume" in run("batch", name, *route).err
    again = run("batch", name, *route, "--resume", "--json")
    assert (again.code, again.document["successful"]) == (0, 2)
    assert len(server.ledger()) == before + 2


class Small(ClipFolder):
    """Clips that are smaller than ordered."""

    async def file(self, clip: Clip) -> Path:
        return await super().file(replace(clip, width=320, height=180))


@pytest.fixture
def small(server: SimulatorServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    usual, server.world.clips = server.world.clips, Small(tmp_path_factory.mktemp("small"))
    yield
    server.world.clips = usual


@pytest.mark.usefixtures("small")
def test_what_differs_from_the_order_is_shown(here: Path, run: Run) -> None:
    told = {"field": "resolution", "ordered": "1280x720", "measured": "320x180"}
    words = "differs resolution: ordered 1280x720, measured 320x180"
    route = ("-m", "runway/gen4.5", "--poll-interval", "0.1")
    one = run("generate", "a fox", *route, "--json")
    assert one.document["mismatches"] == [told]
    assert run("jobs", "show", one.document["job_id"], "--json").document["mismatches"] == [told]
    assert words in run("generate", "a hare", *route).out
    many = run("batch", write(here), *route)
    assert many.out.count(words) == 1
    again = run("batch", "scenes.yaml", *route, "--resume", "--json")
    assert [clip["mismatches"] for clip in again.document["clips"]] == [[told]] * 3


@pytest.mark.parametrize(
    ("name", "text", "field"),
    [
        ("b.yaml", "resume: true\nclips:\n  - prompt: a fox\n", "resume"),
        ("b.yaml", "requests: [1]\nclips:\n  - prompt: a fox\n", "requests"),
        ("b.yaml", "self: 1\nclips:\n  - prompt: a fox\n", "self"),
        ("b.yaml", "not_before: soon\nclips:\n  - prompt: a fox\n", "not_before"),
        ("b.yaml", "not_before: 20261201\nclips:\n  - prompt: a fox\n", "not_before"),
        ("b.yaml", "output: ../../x\nclips:\n  - prompt: a fox\n", "output"),
        ("b.yaml", "output: ../../{index}.mp4\nclips:\n  - prompt: a fox\n", "output"),
        ("b.yaml", "output: same.mp4\nclips:\n  - prompt: a fox\n", "output"),
        ("b.yaml", "output: '{index}.mov'\nclips:\n  - prompt: a fox\n", "output"),
        ("b.yaml", "output: [a]\nclips:\n  - prompt: a fox\n", "output"),
        ("b.json", '{"output": 5, "clips": [{"prompt": "a fox"}]}', "output"),
        ("b.yaml", "- prompt: a fox\n  output: ../x.mp4\n", "output"),
        ("b.yaml", "- prompt: a fox\n  output: [a]\n", "output"),
        ("b.yaml", "metadata: abc\nclips:\n  - prompt: a fox\n", "metadata"),
        ("b.yaml", "- prompt: a fox\n  metadata: abc\n", "metadata"),
        ("b.yaml", "- prompt: a fox\n  reference_images: [a]\n", "reference_images"),
        ("b.yaml", "- prompt: a fox\n  options: abc\n", "options"),
        ("b.json", '[{"prompt": "a fox", "seed": 1e400}]', "seed"),
        ("b.json", '[{"prompt": "a fox", "duration": true}]', "duration"),
        ("b.json", "[" * 100_000, "file"),
        ("b.yaml", "[" * 100_000, "file"),
        ("b.toml", "clips = " + "[" * 100_000, "file"),
    ],
)
def test_what_a_file_may_not_say_is_one_error(
    here: Path, run: Run, server: SimulatorServer, name: str, text: str, field: str
) -> None:
    before = len(server.world.requests)
    done = run("batch", write(here, text, name), *LUMA, "--json")
    assert (done.code, done.document["error"]["field"]) == (2, field)
    assert len(server.world.requests) == before


def test_an_option_beats_the_hour_in_the_file(here: Path, run: Run) -> None:
    begin = (datetime.now(UTC) + timedelta(seconds=3)).replace(microsecond=0)
    name = write(here, f"not_before: '{LATE}'\n{SCENES}")
    started = time.monotonic()
    done = run("batch", name, *LUMA, "--not-before", begin.isoformat())
    assert done.code == 0, done.err
    assert f"nothing is sent before {begin:%Y-%m-%d %H:%M}" in done.err
    assert time.monotonic() - started >= 1


def test_ctrl_c_while_it_waits_leaves_nothing_behind(here: Path, server: SimulatorServer) -> None:
    before = len(server.world.requests)
    name = write(here, f"not_before: '{LATE}'\n{SCENES}")
    command = [sys.executable, "-m", "anyvideo", "batch", name, *LUMA]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "nothing is sent before 2099-07-01 02:30" in process.stderr.readline()
        process.send_signal(SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert "before anything was sent" in rest
    assert len(server.world.requests) == before
