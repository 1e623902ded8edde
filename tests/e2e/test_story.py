"""Whole purchases: falling back, leaving a job and taking it up again, and where the files end up."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anyvideo.media import read_mp4
from anyvideo.testing.simulator import SimulatorServer

Run = Callable[..., Any]
FOX = "a red fox crosses a frozen lake"
LUMA = ("-m", "luma/ray-flash-2", "--resolution", "540p")
FAST = ("--poll-interval", "0.02", "--timeout", "20")


def test_a_clip_is_saved_with_its_facts_and_its_sheet(server: SimulatorServer, run: Run, here: Path) -> None:
    done = run("generate", FOX, *LUMA, *FAST, "--json")
    assert done.code == 0, done.err
    document = done.document
    clip, sheet = Path(document["path"]), Path(document["sheet"])
    assert sorted(here.iterdir()) == sorted([here / clip, here / sheet])
    assert sheet.read_bytes().startswith(b"\x89PNG")
    assert document["info"]["sha256"] == hashlib.sha256(clip.read_bytes()).hexdigest()
    assert document["info"]["bytes"] == clip.stat().st_size
    assert read_mp4(clip).duration == pytest.approx(document["info"]["duration"])
    assert (document["provider"], document["model"]) == ("luma", "luma/ray-flash-2")
    assert done.err.splitlines()[0] == f"job {document['job_id']}"


def test_a_second_clip_of_the_same_prompt_takes_another_name(run: Run) -> None:
    names = [run("generate", FOX, *LUMA, *FAST, "--json").document["path"] for _ in range(2)]
    assert names == ["a-red-fox-crosses-a-frozen-lake.mp4", "a-red-fox-crosses-a-frozen-lake-2.mp4"]


def test_a_named_file_is_replaced_and_told(run: Run, here: Path) -> None:
    (here / "fox.mp4").write_text("old")
    done = run("generate", FOX, *LUMA, *FAST, "-o", "fox.mp4")
    assert done.code == 0
    assert "replaced fox.mp4" in done.err
    assert read_mp4(here / "fox.mp4").duration > 0
    assert "saved  fox.mp4" in done.out


def test_the_next_model_is_asked_and_every_attempt_is_told(server: SimulatorServer, run: Run) -> None:
    server.fault("replicate", "failed")
    before = len(server.ledger())
    done = run("generate", FOX, "-m", "cogvideox", *LUMA, *FAST, "--json")
    assert done.code == 0
    first, second = done.document["attempts"]
    assert (first["status"], first["error"]["type"]) == ("failed", "GenerationFailed")
    assert (second["status"], second["error"], second["model"]) == ("settled", None, "luma/ray-flash-2")
    assert done.document["cost"]["amount"] == second["cost"]["amount"]
    lines = server.ledger()[before:]
    assert [line.provider_job_id for line in lines] == [first["provider_job_id"], second["provider_job_id"]]


@pytest.mark.usefixtures("short_lease")
def test_a_job_left_at_the_timeout_is_resumed_and_not_bought_again(server: SimulatorServer, run: Run) -> None:
    server.set_time(1.0)
    before = len(server.ledger())
    left = run("generate", FOX, *LUMA, "--timeout", "0.4", "--poll-interval", "0.05", "--json")
    assert (left.code, left.document["error"]["type"]) == (7, "StillRunning")
    job_id = left.document["job_id"]
    assert f"anyvideo resume {job_id}" in left.document["error"]["hint"]
    listed = run("jobs", "--json").document["jobs"]
    assert [(job["job_id"], job["path"]) for job in listed] == [(job_id, None)]
    resumed = run("resume", job_id, "-o", "fox.mp4", "--json")
    assert (resumed.code, resumed.document["path"]) == (0, "fox.mp4")
    again = run("resume", job_id, "-o", "copy.mp4", "--json")
    assert again.document["info"] == resumed.document["info"]
    assert len(server.ledger()) == before + 1


@pytest.mark.usefixtures("short_lease")
def test_a_canceled_job_stays_canceled(server: SimulatorServer, run: Run) -> None:
    server.set_time(30)
    left = run("generate", FOX, *LUMA, "--timeout", "0.4", "--poll-interval", "0.05", "--json")
    job_id = left.document["job_id"]
    canceled = run("cancel", job_id, "--json")
    assert (canceled.code, canceled.document["status"]) == (0, "canceled")
    assert run("jobs", "show", job_id, "--json").document == canceled.document
    assert run("jobs", "--status", "canceled", "--json").document["jobs"] == [canceled.document]
    assert run("resume", job_id).code == 4
    assert canceled.document["status"] in run("jobs", "show", job_id).out


def test_a_finished_clip_survives_a_late_cancel(run: Run) -> None:
    bought = run("generate", FOX, *LUMA, *FAST, "--json").document
    late = run("cancel", bought["job_id"], "--json")
    assert (late.code, late.document["status"]) == (0, "succeeded")
    assert run("resume", bought["job_id"], "-o", "again.mp4").code == 0


def test_a_job_whose_fate_nobody_knows_is_kept_and_not_sent_again(server: SimulatorServer, run: Run) -> None:
    server.fault("runway", "disconnect_after_accept", times=1)
    before = len(server.ledger())
    done = run("generate", FOX, "-m", "runway/gen4.5", *LUMA, *FAST, "--json")
    assert (done.code, done.document["error"]["type"]) == (6, "OutcomeUnknown")
    (attempt,) = done.document["attempts"]
    assert (attempt["status"], attempt["charged"]) == ("unknown", "unknown")
    assert run("resume", done.document["job_id"], "--json").code == 6
    assert len(server.ledger()) == before + 1


def lost(server: SimulatorServer, run: Run) -> str:
    """The id of a job that the vendor took and whose answer was lost."""
    server.fault("runway", "disconnect_after_accept", times=1)
    return str(run("generate", FOX, "-m", "runway/gen4.5", *FAST, "--json").document["job_id"])


def test_the_vendors_own_id_of_a_lost_job_brings_its_clip_home(server: SimulatorServer, run: Run) -> None:
    before = len(server.ledger())
    job_id = lost(server, run)
    (line,) = server.ledger()[before:]
    resolved = run("jobs", "resolve", job_id, "--provider-job", line.provider_job_id, "--json")
    assert (resolved.code, resolved.document["attempts"][0]["provider_job_id"]) == (0, line.provider_job_id)
    assert run("resume", job_id, "-o", "fox.mp4").code == 0
    assert len(server.ledger()) == before + 1


@pytest.mark.parametrize(("said", "amount"), [("--charged", "0.60"), ("--not-charged", "0.00")])
def test_a_lost_job_can_be_written_off_or_released_by_hand(
    server: SimulatorServer, run: Run, said: str, amount: str
) -> None:
    job_id = lost(server, run)
    resolved = run("jobs", "resolve", job_id, said, "--json")
    assert resolved.code == 0
    assert resolved.document["attempts"][0]["cost"]["amount"] == amount
    assert run("resume", job_id, "--timeout", "5").code == 4


def test_a_decision_must_say_one_thing(server: SimulatorServer, run: Run) -> None:
    job_id = lost(server, run)
    assert run("jobs", "resolve", job_id, "--json").code == 2
    assert run("jobs", "resolve", job_id, "--charged", "--provider-job", "x", "--json").code == 2


def test_models_and_providers_are_listed_in_words_and_as_json(run: Run) -> None:
    specs = run("models", "--json").document
    assert {"luma/ray-flash-2", "replicate/stable-video-diffusion"} <= {spec["id"] for spec in specs}
    listed = run("models").out
    assert all(spec["id"] in listed for spec in specs)
    providers = run("providers", "--json").document
    assert {info["provider"]: info["ready"] for info in providers}["luma"] is True
    listed = run("providers").out
    assert all(info["plugin"] in listed for info in providers)


def test_a_model_that_was_found_down_is_remembered_until_it_is_forgotten(
    server: SimulatorServer, run: Run
) -> None:
    server.fault("luma", "model_down", times=1)
    assert run("generate", FOX, *LUMA, *FAST).code == 4
    server.clear_faults()
    assert run("generate", FOX, *LUMA, *FAST).code == 3
    assert run("models", "forget", "luma/ray-flash-2", "--json").document == {"forgotten": 1}
    assert run("generate", FOX, *LUMA, *FAST).code == 0


def test_without_any_key_an_animatic_is_drawn_and_says_that_it_is_one(
    server: SimulatorServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in server.env:
        monkeypatch.delenv(name)
    done = run("generate", FOX, "--duration", "1", "--resolution", "360p", "--json")
    assert done.code == 0
    assert "animatic" in done.document["label"]
    assert done.document["cost"]["amount"] == "0.00"
    words = run("generate", FOX, "--duration", "1", "--resolution", "360p")
    assert "not a model's output" in words.out
    assert words.code == 0, "a second equal animatic may share the file of the first"
