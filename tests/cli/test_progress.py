"""What somebody reads on stderr while a job runs."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest

from anyvideo.cli.progress import Watch
from anyvideo.types.budget import Threshold
from anyvideo.types.events import Event, EventKind
from anyvideo.types.job import Failure
from anyvideo.types.money import Cost, CostBasis

NUMBERS = itertools.count()


def event(kind: EventKind, **facts: Any) -> Event:
    facts = {"id": f"event_{next(NUMBERS)}", "model": "acme/fast", "state": "running"} | facts
    return Event(kind=kind, job_id="job_1", at=datetime(2026, 11, 21, tzinfo=UTC), **facts)


def told(capsys: pytest.CaptureFixture[str], *events: Event) -> list[str]:
    with Watch() as watch:
        for one in events:
            watch(one)
    shown = capsys.readouterr()
    assert shown.out == ""
    return shown.err.splitlines()


def test_the_job_id_is_told_as_soon_as_the_job_is_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    watch = Watch()
    watch(event(EventKind.JOB_RECORDED, model=None, state=None))
    assert capsys.readouterr().err == "job job_1\n"
    assert watch.job_id == "job_1"


def test_an_event_that_comes_twice_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    started = event(EventKind.ATTEMPT_STARTED)
    assert len(told(capsys, started, started)) == 1


def test_without_a_terminal_progress_is_told_in_quarters(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, *(event(EventKind.PROGRESS, progress=share / 100) for share in range(0, 100, 2)))
    assert lines == [f"acme/fast running {share}%" for share in (0, 26, 50, 76)]


def test_the_vendors_own_word_stands_beside_ours(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = told(capsys, event(EventKind.PROGRESS, native="dreaming"))
    assert line == "acme/fast running (dreaming)"


def test_a_failed_attempt_says_why_and_what_it_cost(capsys: pytest.CaptureFixture[str]) -> None:
    failure = Failure(kind="GenerationFailed", message="it broke [badly]")
    cost = Cost(micros=0, basis=CostBasis.REPORTED)
    (line,) = told(capsys, event(EventKind.ATTEMPT_ENDED, state="failed", failure=failure, cost=cost))
    assert line == "acme/fast failed: GenerationFailed: it broke [badly], cost 0.00 USD (reported)"


def test_a_budget_that_fills_up_is_told_with_its_share(capsys: pytest.CaptureFixture[str]) -> None:
    passed = Threshold(
        scope="user:ann", period="day", percent=80, used_micros=8_050_000, limit_micros=10_000_000
    )
    (told_line,) = told(capsys, event(EventKind.BUDGET_THRESHOLD, threshold=passed))
    assert told_line == "budget: 80 % of 10.00 USD for user:ann (day) is used: 8.05 USD"


def test_a_long_line_is_not_broken_so_that_it_can_be_searched(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = told(capsys, event(EventKind.TROUBLE, message="slow " * 60))
    assert line.count("slow") == 60


@pytest.mark.parametrize("kind", list(EventKind))
def test_every_kind_of_event_can_be_told(kind: EventKind, capsys: pytest.CaptureFixture[str]) -> None:
    assert all("None" not in line for line in told(capsys, event(kind, message="so it is")))
