"""What the commands say to somebody who sees them for the first time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anyvideo.testing.simulator import SimulatorServer

Run = Callable[..., Any]
FOX = "a red fox crosses a frozen lake"
LUMA = ("-m", "luma/ray-flash-2", "--resolution", "540p")
FAST = ("--poll-interval", "0.02", "--timeout", "20")
NO_FACES = """
from anyvideo.provider import hookimpl

@hookimpl
def anyvideo_check_video(video):
    return "a face is shown"
"""
LEFT = ("--timeout", "0.4", "--poll-interval", "0.05", "--json")


def left_running(run: Run) -> str:
    """The id of a job that its vendor has and whose command has ended."""
    return str(run("generate", FOX, *LUMA, *LEFT).document["job_id"])


def lost(server: SimulatorServer, run: Run) -> str:
    """The id of a job that the vendor took and whose answer was lost."""
    server.fault("runway", "disconnect_after_accept", times=1)
    return str(run("generate", FOX, "-m", "runway/gen4.5", *FAST, "--json").document["job_id"])


def canceled_in_vain(server: SimulatorServer, run: Run, job_id: str) -> Any:
    """`cancel` of a job while its vendor cannot be asked."""
    server.fault("luma", "poll_500")
    try:
        return run("cancel", job_id, "--timeout", "0.4")
    finally:
        server.clear_faults()


@pytest.mark.usefixtures("short_lease")
def test_who_resumes_a_job_wants_it_whatever_was_asked_before(server: SimulatorServer, run: Run) -> None:
    server.set_time(2.0)
    job_id = left_running(run)
    asked = canceled_in_vain(server, run, job_id)
    assert (asked.code, f"anyvideo cancel {job_id}" in asked.err, "takes the cancel back" in asked.err) == (
        7,
        True,
        True,
    )
    shown = run("jobs", "show", job_id).out
    assert "cancel requested" in shown
    assert f"anyvideo resume {job_id} takes it back" in shown
    resumed = run("resume", job_id, "-o", "fox.mp4", "--timeout", "20")
    assert resumed.code == 0, resumed.err
    assert f"the cancel of job {job_id} is taken back" in resumed.err
    assert "taken back" not in run("resume", job_id, "-o", "again.mp4").err


@pytest.mark.usefixtures("short_lease")
def test_recover_carries_out_the_cancel_that_was_asked_for(server: SimulatorServer, run: Run) -> None:
    server.set_time(30)
    job_id = left_running(run)
    canceled_in_vain(server, run, job_id)
    (one,) = run("recover", "--json").document["jobs"]
    assert (one["job_id"], one["outcome"]) == (job_id, "canceled")


@pytest.mark.usefixtures("short_lease")
def test_a_cancel_is_told_as_ones_own_and_not_as_a_failure(server: SimulatorServer, run: Run) -> None:
    server.set_time(30)
    job_id = left_running(run)
    canceled = run("cancel", job_id)
    told = canceled.out + canceled.err + run("jobs", "show", job_id).out + run("resume", job_id).err
    assert "canceled by you" in told
    assert "GenerationFailed" not in told
    assert "cancel requested" not in told
    assert run("jobs", "show", job_id, "--json").document["cancel_requested"] is False


def test_a_finished_clip_shows_no_cancel_that_came_too_late(run: Run) -> None:
    job_id = run("generate", FOX, *LUMA, *FAST, "--json").document["job_id"]
    assert "cancel requested" not in run("cancel", job_id).out + run("jobs", "show", job_id).out


def test_a_job_that_nobody_knows_about_names_every_way_out(server: SimulatorServer, run: Run) -> None:
    job_id = lost(server, run)
    ways = f"anyvideo jobs resolve {job_id} --charged|--not-charged|--provider-job"
    for command in (("resume",), ("jobs", "show"), ("jobs", "resolve"), ("cancel",), ("jobs", "show")):
        told = run(*command, job_id)
        assert ways in told.out + told.err, command
    assert ways in run("recover").out


@pytest.mark.parametrize(
    ("models", "said", "next_one"),
    [
        (("-m", "runway/gen4.5", *LUMA), "--not-charged", "luma/ray-flash-2"),
        (("-m", "runway/gen4.5", *LUMA), "--charged", None),
        (("-m", "runway/gen4.5"), "--not-charged", None),
    ],
)
def test_who_decides_is_told_what_will_be_bought_next(
    server: SimulatorServer, run: Run, models: tuple[str, ...], said: str, next_one: str | None
) -> None:
    server.fault("runway", "disconnect_after_accept", times=1)
    job_id = run("generate", FOX, *models, *FAST, "--json").document["job_id"]
    told = run("jobs", "resolve", job_id, said).out
    assert told.rstrip() == run("jobs", "show", job_id).out.rstrip()
    (line,) = (line for line in told.splitlines() if line.startswith("next"))
    assert run("jobs", "show", job_id, "--json").document["next_model"] == next_one
    before = len(server.ledger())
    resumed = run("resume", job_id, *("--timeout", "20", "-o", "fox.mp4", "--json"))
    bought = [one["model"] for one in resumed.document["attempts"]][1:]
    assert bought == ([] if next_one is None else [next_one])
    assert len(server.ledger()) - before == len(bought)
    if next_one is None:
        assert (resumed.code, "no model follows" in line) == (4, True)
    else:
        assert f"anyvideo resume {job_id}, and anyvideo recover, will buy {next_one} for at most" in line


def test_deciding_warns_that_something_may_be_bought(run: Run) -> None:
    assert "may then buy the next model" in " ".join(run("jobs", "resolve", "--help").out.split())


@pytest.mark.usefixtures("server")
def test_an_end_without_a_clip_is_not_told_as_a_delivery(
    run: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = here / "plugins" / "no_faces-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: no-faces\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[anyvideo]\nno-faces = no_faces\n")
    (here / "plugins" / "no_faces.py").write_text(NO_FACES)
    monkeypatch.syspath_prepend(here / "plugins")
    refused = run("generate", FOX, *LUMA, *FAST)
    assert (refused.code, "a face is shown" in refused.err) == (4, True)
    assert "delivered" not in refused.err
    assert "is kept" in refused.err
    forgotten = run("--store", "memory:", "generate", FOX, *LUMA, *FAST)
    assert (forgotten.code, "is kept" in forgotten.err) == (4, False)


def test_a_failed_call_tells_which_models_were_not_tried_and_why(server: SimulatorServer, run: Run) -> None:
    server.fault("luma", "failed")
    asked = ("generate", FOX, "-m", "svd", *LUMA, *FAST)
    told = run(*asked)
    assert told.code == 4
    document = run(*asked, "--json").document
    assert [one["model"] for one in document["attempts"]] == ["luma/ray-flash-2"]
    assert document["rejections"]
    for rejection in document["rejections"]:
        assert f"{rejection['model']}: turned down: {rejection['reason']}" in told.err


def test_models_that_lack_a_key_are_told_when_the_others_failed(
    server: SimulatorServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNWAYML_API_SECRET")
    server.fault("luma", "failed")
    told = run("generate", FOX, "-m", "runway/gen4.5", *LUMA, *FAST)
    assert told.code == 4
    (line,) = (line for line in told.err.splitlines() if line.strip().startswith("runway/gen4.5"))
    assert "RUNWAYML_API_SECRET" in line


def test_no_job_in_a_state_is_not_the_same_as_no_job(run: Run) -> None:
    assert "no job is recorded here" in run("jobs").err
    run("generate", FOX, *LUMA, *FAST)
    assert run("jobs", "--state", "running").err == "no job recorded here is running\n"


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["words", "json"])
def test_a_wrong_state_is_answered_with_the_right_ones(run: Run, form: tuple[str, ...]) -> None:
    done = run("jobs", "--state", "bogus", *form)
    assert done.code == 2
    for state in ("queued", "running", "succeeded", "failed", "canceled", "unknown"):
        assert f"'{state}'" in done.out + done.err


@pytest.mark.parametrize("again", [("--idempotency-key", "order-17"), ("--cache",)], ids=["key", "cache"])
def test_what_was_bought_before_is_not_told_as_bought_again(run: Run, again: tuple[str, ...]) -> None:
    first = run("generate", FOX, *LUMA, *FAST, *again)
    second = run("generate", FOX, *LUMA, *FAST, *again)
    assert "reused" not in first.err
    assert "nothing was bought again, and its cost counts once" in second.err
    assert "is asked" not in second.err
    assert run("costs", "--json").document["total"]["attempts"] == 1


def test_a_failure_of_before_is_told_as_one(server: SimulatorServer, run: Run) -> None:
    server.fault("luma", "failed")
    key = ("--idempotency-key", "order-18")
    assert run("generate", FOX, *LUMA, *FAST, *key).code == 4
    second = run("generate", FOX, *LUMA, *FAST, *key)
    assert (second.code, "reused job" in second.err) == (4, True)


def test_an_animatic_costs_the_same_everywhere(run: Run) -> None:
    document = run("generate", FOX, "-m", "local/animatic", "--duration", "1", "--json").document
    bases = {document["cost"]["basis"], *(one["cost"]["basis"] for one in document["attempts"])}
    assert bases == {"reported"}
