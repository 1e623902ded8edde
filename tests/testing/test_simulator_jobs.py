"""A job's life depends on the clock and on nothing else."""

from __future__ import annotations

import statistics
from datetime import UTC, datetime

import pytest

from anyvideo.testing.simulator import Clip, Ending, Job, ManualClock, SimulatorServer
from anyvideo.testing.simulator.jobs import JobTimes


def job(**changes: object) -> Job:
    facts = {
        "id": "j",
        "provider": "echo",
        "model": "e1",
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
        "created": 0.0,
        "queued_for": 2.0,
        "runs_for": 8.0,
        "clip": Clip.lasting(1, width=64, height=48),
        "request": {},
    }
    return Job(**(facts | changes))  # type: ignore[arg-type]


def states(one: Job, *moments: float) -> list[str]:
    return [one.phase(moment).state for moment in moments]


def test_a_job_waits_runs_and_ends_at_fixed_moments() -> None:
    assert states(job(), 0, 1.9, 2, 9.9, 10, 1e6) == [
        "queued",
        "queued",
        "running",
        "running",
        "succeeded",
        "succeeded",
    ]
    assert job().phase(6).ran == pytest.approx(0.5)
    assert job().phase(1e6).ended == 10


def test_reading_a_job_late_tells_the_same_as_reading_it_often() -> None:
    often, late = job(), job()
    for step in range(120):
        often.phase(step / 10)
    assert often.phase(12) == late.phase(12)


def test_a_refused_input_ends_early_and_a_stuck_job_never() -> None:
    assert states(job(ending=Ending(state="failed", at=0.05)), 2.3, 2.4) == ["running", "failed"]
    assert states(job(ending=Ending(fault="stuck")), 3, 1e9) == ["running", "running"]
    assert job(ending=Ending(fault="stuck")).phase(1e9).ran < 1


def test_a_stop_before_the_start_leaves_no_running_time() -> None:
    waiting, running = job(stopped=1.0).phase(50), job(stopped=6.0).phase(50)
    assert (waiting.state, waiting.started, waiting.ran) == ("canceled", None, 0.0)
    assert (running.state, running.started, running.ran, running.ended) == ("canceled", 2.0, 0.5, 6.0)


def test_a_stop_after_the_end_changes_nothing() -> None:
    assert job(stopped=11.0).phase(50) == job().phase(50)


def test_a_deadline_cuts_a_job_only_when_it_comes_first() -> None:
    assert states(job(deadline=5.0), 4.9, 5.0) == ["running", "canceled"]
    assert states(job(deadline=10.0), 10.0) == ["succeeded"]


def test_jobs_follow_the_virtual_clock(clock: ManualClock, server: SimulatorServer, client: object) -> None:
    server.set_time(100)
    job_id = client.buy().json()["id"]  # type: ignore[attr-defined]
    seen = []
    for _ in range(6):
        seen.append(client.read(job_id)["state"])  # type: ignore[attr-defined]
        clock.advance(20)
    assert seen == ["queued", "running", "running", "running", "running", "succeeded"]


def test_a_law_of_times_repeats_with_its_seed_and_centres_on_its_median() -> None:
    law = {"kind": "lognormal", "median": 60, "sigma": 0.3}
    first, second, other = JobTimes(), JobTimes(), JobTimes()
    first.set(law=law, seed=7)
    second.set(law=law, seed=7)
    other.set(law=law, seed=8)
    drawn = [first.draw() for _ in range(2000)]
    assert drawn == [second.draw() for _ in range(2000)]
    assert drawn != [other.draw() for _ in range(2000)]
    assert statistics.median(drawn) == pytest.approx(60, rel=0.05), "seed 7"
    assert min(drawn) > 0


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "either"),
        ({"seconds": 1, "law": {"kind": "lognormal", "median": 1, "sigma": 1}}, "either"),
        ({"seconds": -1}, "seconds"),
        ({"seconds": "2"}, "seconds"),
        ({"seconds": True}, "seconds"),
        ({"law": {"kind": "uniform"}}, "lognormal"),
        ({"law": {"kind": "lognormal", "median": 1}}, "sigma"),
        ({"law": {"kind": "lognormal", "median": 1, "sigma": 1}, "seed": 1.5}, "seed"),
    ],
)
def test_times_that_make_no_sense_are_refused_with_the_reason(given: dict[str, object], says: str) -> None:
    times = JobTimes()
    with pytest.raises(ValueError, match=says):
        times.set(**given)
    assert times.draw() == 2.0
