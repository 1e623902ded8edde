"""`anyvideo batch` as a user runs it, and after it was killed."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from anyvideo.media import read_mp4
from anyvideo.testing.simulator import SimulatorServer

from .conftest import Run

FULL = os.environ.get("ANYVIDEO_FAULTS_RUNS") == "full"
KILLS = 25 if FULL else 1
LUMA = ("-m", "luma/ray-flash-2", "--poll-interval", "0.1")
SCENES = """
duration: 5
aspect_ratio: 16:9
clips:
  - prompt: a red fox crosses a frozen lake
  - prompt: a hare in the snow
    negative_prompt: people
    index: 4
  - prompt: an owl at dusk
    duration: 5.4
"""


def write(folder: Path, text: str = SCENES, name: str = "scenes.yaml") -> str:
    (folder / name).write_text(text)
    return name


def twenty(folder: Path) -> str:
    clips = [{"prompt": f"scene {number}: a red fox", "duration": 5} for number in range(20)]
    return write(folder, json.dumps(clips), "twenty.json")


def test_a_file_of_clips_becomes_a_folder_of_clips(here: Path, run: Run) -> None:
    done = run("batch", write(here), *LUMA)
    assert done.code == 0, done.err
    assert sorted(path.name for path in (here / "scenes").glob("*.mp4")) == [
        "clip_0.mp4", "clip_2.mp4", "clip_4.mp4",
    ]  # fmt: skip
    assert "3 of 3" in done.out
    assert "100%" in done.err
    [sheet] = (here / "scenes").glob("*.png")
    assert sheet.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("scenes.json", '[{"prompt": "a fox"}]'),
        ("scenes.toml", '[[clips]]\nprompt = "a fox"\n'),
        ("scenes.yml", "- prompt: a fox\n"),
    ],
)
def test_the_file_may_be_json_toml_or_yaml(here: Path, run: Run, name: str, text: str) -> None:
    done = run(
        "batch", write(here, text, name), *LUMA, "-o", "out", "--name", "{index}-{prompt}.mp4", "--json"
    )
    assert done.code == 0, done.err
    [clip] = done.document["clips"]
    assert clip["path"] == str(Path("out") / "0-a-fox.mp4")
    assert read_mp4(here / "out" / "0-a-fox.mp4").duration == pytest.approx(clip["duration"])


def test_a_pictures_path_starts_from_the_file(here: Path, run: Run) -> None:
    from PIL import Image

    (here / "scenes").mkdir()
    Image.new("RGB", (640, 360), "navy").save(here / "scenes" / "lake.png")
    write(here / "scenes", "- prompt: a fox\n  image: lake.png\n")
    done = run("batch", "scenes/scenes.yaml", "-m", "runway/gen4_turbo", "--poll-interval", "0.1")
    assert done.code == 0, done.err


def test_a_second_run_must_say_what_it_wants(here: Path, run: Run, server: SimulatorServer) -> None:
    before = len(server.ledger())
    name = write(here)
    nothing = run("batch", name, *LUMA, "--resume", "--json")
    assert (nothing.code, nothing.document["error"]["type"]) == (2, "InvalidRequest")
    assert run("batch", name, *LUMA).code == 0
    again = run("batch", name, *LUMA)
    assert again.code == 2
    assert "--resume" in again.err
    assert run("batch", name, *LUMA, "--resume").code == 0
    assert len(server.ledger()) == before + 3


def test_too_few_clips_are_saved_all_the_same(here: Path, run: Run, server: SimulatorServer) -> None:
    server.fault("luma", "failed", times=1)
    done = run("batch", write(here), *LUMA, "--json")
    assert done.code == 4
    told = done.document
    assert (told["status"], told["successful"], told["failed"]) == ("partial", 2, 1)
    assert told["error"]["type"] == "BatchFailed"
    assert len(list((here / "scenes").glob("*.mp4"))) == 2
    enough = run("batch", write(here), *LUMA, "--resume", "--min-successes", "2")
    assert enough.code == 0, enough.err


@pytest.mark.parametrize(
    ("fault", "options", "code", "kind"),
    [
        ("disconnect_after_accept", (), 6, "OutcomeUnknown"),
        ("stuck", ("--timeout", "2"), 7, "StillRunning"),
    ],
)
def test_clips_that_failed_alike_give_the_command_their_own_exit_code(
    here: Path, run: Run, server: SimulatorServer, fault: str, options: tuple[str, ...], code: int, kind: str
) -> None:
    server.fault("runway", fault, times=2)
    route = ("-m", "runway/gen4.5", "--poll-interval", "0.1")
    done = run("batch", write(here), *route, *options, "--json")
    assert done.code == code, done.err
    assert [clip["error"] and clip["error"]["type"] for clip in done.document["clips"]].count(kind) == 2
    assert (done.document["successful"], done.document["error"]["type"]) == (1, "BatchFailed")
    assert len(list((here / "scenes").glob("*.mp4"))) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "field"),
    [
        (("scenes.yaml", "--budget", "0.10"), 5, "budget"),
        (("scenes.yaml", "--min-successes", "4"), 2, "min_successes"),
        (("scenes.yaml", "--name", "same.mp4"), 2, "name"),
        (("scenes.yaml", "--name", "../{index}.mp4"), 2, "name"),
        (("scenes.yaml", "--name", "{index}{home}.mp4"), 2, "name"),
        (("scenes.yaml", "--not-before", "soon"), 2, "not_before"),
        (("missing.yaml",), 2, "file"),
        (("broken.yaml",), 2, "file"),
        (("words.yaml",), 2, "duration"),
    ],
)
def test_a_wrong_batch_is_one_error(
    here: Path, run: Run, server: SimulatorServer, arguments: tuple[str, ...], code: int, field: str
) -> None:
    before = len(server.world.requests)
    write(here)
    write(here, "clips: [", "broken.yaml")
    write(here, "- prompt: a fox\n  duration: long\n", "words.yaml")
    done = run("batch", *arguments, *LUMA, "--json")
    assert (done.code, done.document["error"]["field"]) == (code, field)
    assert len(server.world.requests) == before


def started(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "anyvideo", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(KILLS))
def test_a_batch_that_was_killed_goes_on_where_it_was(
    server: SimulatorServer, here: Path, number: int
) -> None:
    """kill -9 at a random moment of a 20-clip batch, then --resume: 20 files, 20 charges."""
    seed = int(os.environ.get("ANYVIDEO_FAULTS_SEED", time.strftime("%Y%m%d"))) * 1000 + number
    drawn, before = random.Random(seed), len(server.ledger())
    server.set_time(1.0)
    (here / "anyvideo.toml").write_text("[recovery]\nlease = 2\nquiet = 2\nlook = 1\nskew = 5\n")
    arguments = ("batch", twenty(here), *LUMA, "--concurrency", "5", "--json")
    with started(*arguments) as process:
        enough, limit = drawn.randrange(1, 13), time.monotonic() + 60
        while len(server.ledger()) - before < enough and time.monotonic() < limit:
            time.sleep(0.005)
        time.sleep(drawn.uniform(0.0, 0.3))
        process.kill()
    charged = len(server.ledger()) - before
    assert 0 < charged < 20, f"seed {seed}"
    with started(*arguments, "--resume") as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, f"seed {seed}: {err}"
    told: dict[str, Any] = json.loads(out)
    assert (told["successful"], told["failed"], told["held"]) == (20, 0, "0.00"), f"seed {seed}"
    assert len({clip["path"] for clip in told["clips"]}) == 20
    assert all(read_mp4(here / clip["path"]).duration > 0 for clip in told["clips"])
    charges = server.ledger()[before:]
    assert len(charges) == 20, f"seed {seed}: killed after {charged}"
    assert sum(charge.amount or 0 for charge in charges) == Decimal(told["cost"]["amount"]), f"seed {seed}"


def test_a_clip_that_was_bought_before_costs_the_batch_nothing(here: Path, run: Run) -> None:
    bought = run("generate", "a fox", "--duration", "5", *LUMA, "--json").document
    clips = write(here, '[{"prompt": "a fox", "duration": 5, "cache": true}]', "one.json")
    done = run("batch", clips, *LUMA, "--json").document
    assert (done["cost"]["amount"], done["clips"][0]["cost"]["amount"]) == ("0.00", "0.00")
    assert done["clips"][0]["reused"] == bought["job_id"]
    assert f"reused job {bought['job_id']}" in run("batch", clips, *LUMA).out
