"""What was left behind is found, driven to its end and told; what cannot be told is decided by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from anyvideo.testing.simulator import SimulatorServer

Run = Callable[..., Any]
FOX = "a red fox crosses a frozen lake"
LUMA = ("-m", "luma/ray-flash-2", "--resolution", "540p")
pytestmark = pytest.mark.usefixtures("short_lease")
LEFT = ("--timeout", "0.3", "--poll-interval", "0.05", "--json")


def test_everything_that_was_left_is_brought_home_and_told(server: SimulatorServer, run: Run) -> None:
    nothing = run("recover")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "no job is unfinished\n")
    before = len(server.ledger())
    server.set_time(0.6)
    left = [run("generate", FOX, *LUMA, *LEFT).document["job_id"] for _ in range(2)]
    server.fault("runway", "disconnect_after_accept", times=1)
    unknown = run("generate", FOX, "-m", "runway/gen4.5", *LEFT).document["job_id"]
    done = run("recover", "--json")
    assert done.code == 6
    outcomes = {one["job_id"]: one["outcome"] for one in done.document["jobs"]}
    assert outcomes == dict.fromkeys(left, "delivered") | {unknown: "held"}
    assert len(server.ledger()) == before + 3
    (held,) = run("jobs", "--state", "unknown", "--json").document["jobs"]
    assert held["job_id"] == unknown
    words = run("recover")
    assert (words.code, "anyvideo jobs resolve" in words.out) == (6, True)
    assert run("jobs", "resolve", unknown, "--not-charged").code == 0
    assert run("recover").code == 0


def test_what_takes_too_long_goes_on(server: SimulatorServer, run: Run) -> None:
    server.set_time(30)
    left = run("generate", FOX, *LUMA, *LEFT).document["job_id"]
    done = run("recover", "--timeout", "0.3", "--json")
    assert done.code == 7
    assert [(one["job_id"], one["outcome"]) for one in done.document["jobs"]] == [(left, "running")]
    assert run("recover", "--timeout", "0").code == 2


@pytest.mark.parametrize("variable", ["LUMAAI_API_KEY", "LUMAAI_BASE_URL"])
def test_the_jobs_of_another_account_or_address_are_shown_and_left_alone(
    server: SimulatorServer, run: Run, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    server.set_time(30)
    left = run("generate", FOX, *LUMA, *LEFT).document["job_id"]
    other = (
        "luma-of-somebody" if variable.endswith("KEY") else server.env[variable].replace("127.0.0.1", "[::1]")
    )
    monkeypatch.setenv(variable, other)
    asked = len(server.world.requests)
    done = run("recover", "--json")
    assert done.code == 0, done.out
    assert [(one["job_id"], one["outcome"]) for one in done.document["jobs"]] == [(left, "elsewhere")]
    assert "left alone" in run("recover").out
    assert len(server.world.requests) == asked


def test_a_job_of_a_replaced_key_is_taken_over_when_it_is_named(
    server: SimulatorServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.set_time(0.6)
    left = run("generate", FOX, *LUMA, *LEFT).document["job_id"]
    monkeypatch.setenv("LUMAAI_API_KEY", "luma-the-new-one")
    way_out = f"anyvideo recover --take-over {left}"
    stopped = run("resume", left)
    assert (stopped.code, way_out in stopped.err) == (2, True)
    shown = run("recover")
    assert (shown.code, way_out in shown.out) == (0, True)
    server.fault("luma", "gone", times=1)
    refused = run("recover", "--take-over", left, "--json")
    (one,) = refused.document["jobs"]
    assert (refused.code, one["outcome"], "left alone" in one["problem"]) == (2, "elsewhere", True)
    taken = run("recover", "--take-over", left, "--json")
    assert (taken.code, taken.document["jobs"][0]["outcome"]) == (0, "delivered")
    assert "taken over with another key" in run("jobs", "show", left).out
    assert run("recover", "--take-over", "job_nobody_has").code == 2


def test_a_job_shows_every_write_and_what_it_cost(server: SimulatorServer, run: Run) -> None:
    server.fault("replicate", "failed", times=1)
    fast = ("--poll-interval", "0.02", "--json")
    job_id = run("generate", FOX, "-m", "cogvideox", *LUMA, *fast).document["job_id"]
    shown = run("jobs", "show", job_id, "--json").document
    timeline = shown["timeline"]
    second = [step["write"] for step in timeline if step["attempt"] == 2 and step["write"].startswith("W")]
    assert second == ["W1", "W2", "W3", "W4", "W5", "W6"]
    assert [step["at"] for step in timeline] == sorted(step["at"] for step in timeline)
    first = [step for step in timeline if step["attempt"] == 1]
    assert (first[0]["write"], first[-1]["write"]) == ("W1", "failed")
    assert "GenerationFailed" in first[-1]["what"]
    assert shown["attempts"][1]["cost"]["amount"] in timeline[-1]["what"]
    assert shown["held"] == "0.00"
    words = run("jobs", "show", job_id).out
    assert all(write in words for write in second)
    assert f"accepted as {shown['attempts'][1]['provider_job_id']}" in " ".join(words.split())


def test_a_clip_that_cannot_be_fetched_is_given_up_by_hand(server: SimulatorServer, run: Run) -> None:
    server.fault("luma", "output_not_video")
    waited = run("generate", FOX, *LUMA, "--timeout", "1.5", "--poll-interval", "0.05", "--json")
    left, way_out = waited.document["job_id"], "--charged|--not-charged"
    assert (waited.code, way_out in waited.document["error"]["hint"]) == (7, True)
    assert f"anyvideo jobs resolve {left} {way_out}" in run("jobs", "show", left).out
    recovered = run("recover", "--timeout", "0.3")
    assert (recovered.code, f"anyvideo jobs resolve {left} {way_out}" in recovered.out) == (7, True)
    assert run("jobs", "resolve", left, "--provider-job", "gen-1").code == 2
    decided = run("jobs", "resolve", left, "--not-charged", "--json").document
    assert (decided["status"], decided["held"], decided["error"]["type"]) == ("failed", "0.00", "ResultGone")
    assert (run("jobs", "resolve", left, "--charged").code, run("recover").code) == (2, 0)
