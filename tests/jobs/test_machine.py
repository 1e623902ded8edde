"""The attempt's machine: any updates in any order, doubled and late, lead to one end and never off it."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from anyvideo import AttemptState, CostBasis, JobStatus
from anyvideo.catalog.load import parse_catalog
from anyvideo.jobs.observe import OBSERVABLE, delivered_cost, ended, moved, observe
from anyvideo.types.job import Attempt, Failure, Output, Ref, Update
from anyvideo.types.money import Cost, Quote
from anyvideo.types.plan import Fit
from anyvideo.types.request import Task
from anyvideo.types.states import TERMINAL, TRANSITIONS, allowed

S = AttemptState
NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOLD = 90_000
MORE = 20 if os.environ.get("ANYVIDEO_FAULTS_RUNS") == "full" else 1
[SPEC] = parse_catalog(
    """
    [[model]]
    id = "clip"
    tasks = ["text_to_video"]
    status = "active"
    checked = 2026-01-01
    source = "this test"
    inputs = { prompt = "prompt" }
    length = { input = "seconds", seconds = [5], default = 5 }
    compute = { expected = 20, ceiling = 90, source = "this test" }
    time = { median = 20, p99 = 90 }
    price = [{ per = "compute_second", amount = "0.001" }]
    [model.shape]
    default_ratio = "16:9"
    default_resolution = "720p"
    size = [{ ratio = "16:9", resolution = "720p", pixels = [1280, 720], inputs = {} }]
    """,
    provider="maker",
    vendor="maker",
).models


def attempt(state: AttemptState = S.ACCEPTED) -> Attempt:
    fit = Fit(
        model=SPEC.id,
        task=Task.TEXT_TO_VIDEO,
        prompt="a fox",
        negative_prompt=None,
        image=None,
        image_input=None,
        duration=5,
        frames=None,
        fps=None,
        aspect_ratio="16:9",
        resolution="720p",
        size=None,
        audio=False,
        seed=None,
        inputs={"prompt": "a fox"},
    )
    return Attempt(
        id="job.1",
        number=1,
        model=SPEC.id,
        vendor=SPEC.vendor,
        account=None,
        fit=fit,
        quote=Quote(expected_micros=20_000, ceiling_micros=HOLD),
        state=state,
        tag="tag",
        created_at=NOW,
        hold_micros=HOLD,
        patience=60,
        ref=Ref(job_id="made-1", model=SPEC.slug),
        canceling="caller" if state is S.CANCELED else None,
    )


def output(number: int) -> Output:
    return Output(url=f"https://clips.example/{number}.mp4?signature={number}")


statuses = st.sampled_from([status for status in JobStatus if status is not JobStatus.UNKNOWN])
costs = st.builds(Cost, micros=st.integers(0, HOLD), basis=st.just(CostBasis.REPORTED))
failures = st.builds(
    Failure,
    kind=st.sampled_from(["GenerationFailed", "OutputModerated", "InputModerated"]),
    message=st.just("no"),
    charged=st.sampled_from(["yes", "no", "unknown", None]),
)
updates = st.builds(
    Update,
    status=statuses,
    native=st.sampled_from(["waiting", "working", "over"]),
    progress=st.none() | st.floats(0, 1),
    outputs=st.just(()) | st.builds(lambda number: (output(number),), st.integers(0, 2)),
    usage=st.just({}) | st.builds(lambda seconds: {"compute_seconds": seconds}, st.integers(0, 90)),
    reported_cost=st.none() | costs,
    failure=st.none() | failures,
    gone=st.sampled_from([False] * 5 + [True]),
    known_word=st.booleans(),
)


@given(st.sampled_from(list(AttemptState)), updates)
@settings(max_examples=300 * MORE, deadline=None)
def test_every_state_knows_what_to_do_with_every_update(state: AttemptState, update: Update) -> None:
    before = attempt(state)
    after = observe(before, update, SPEC, NOW)
    assert after.state is state or allowed(state, after.state)
    if state not in OBSERVABLE:
        assert after == before
    if after.state in TERMINAL and state not in TERMINAL:
        assert after.cost is not None
        assert after.hold_micros == 0
        assert after.failure is not None


@pytest.mark.parametrize(("before", "after"), list(itertools.product(AttemptState, AttemptState)))
def test_a_move_that_the_table_does_not_have_is_an_error(before: AttemptState, after: AttemptState) -> None:
    if before is after:
        assert moved(attempt(before), after, NOW) == attempt(before)
    elif after in TRANSITIONS[before]:
        assert moved(attempt(before), after, NOW).state is after
    else:
        with pytest.raises(AssertionError):
            moved(attempt(before), after, NOW)


@st.composite
def stories(draw: st.DrawFn) -> list[Update]:
    """What an honest vendor says of one job, in its order: ever more compute, and then how it ended."""
    tells_cost = draw(st.booleans())
    seconds = sorted(draw(st.lists(st.integers(0, 80), max_size=4)))
    running = [
        Update(
            status=draw(st.sampled_from([JobStatus.QUEUED, JobStatus.RUNNING])),
            native=f"at {second}",
            progress=second / 100,
            usage={"compute_seconds": second},
            reported_cost=Cost(micros=second * 1000, basis=CostBasis.REPORTED) if tells_cost else None,
        )
        for second in seconds
    ]
    end = draw(st.sampled_from([JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELED]))
    last = Update(
        status=end,
        native=end.value,
        usage={"compute_seconds": 85},
        outputs=(output(0),) if end is JobStatus.SUCCEEDED else (),
        failure=draw(failures) if end is JobStatus.FAILED else None,
        reported_cost=Cost(micros=85_500, basis=CostBasis.REPORTED) if tells_cost else None,
    )
    return [*running, last]


def settled(seen: Attempt) -> Attempt:
    """The attempt as it ends when its clip, if there is one, is delivered."""
    if seen.state is S.OUTPUT_READY:
        return replace(seen, cost=delivered_cost(seen, SPEC))
    return seen


@given(stories(), st.data())
@settings(max_examples=300 * MORE, deadline=None)
def test_the_order_in_which_updates_arrive_makes_no_difference(
    story: list[Update], data: st.DataObject
) -> None:
    """Doubled, reordered, and after the end: what the job came to and what it cost is the same."""
    straight = attempt()
    for update in story:
        straight = observe(straight, update, SPEC, NOW)
    doubled = [*story, *data.draw(st.lists(st.sampled_from(story), max_size=4))]
    shuffled = attempt()
    for update in data.draw(st.permutations(doubled)):
        shuffled = observe(shuffled, update, SPEC, NOW)
    assert shuffled.state is straight.state
    assert shuffled.outputs == straight.outputs
    assert shuffled.failure == straight.failure
    assert settled(shuffled).cost == settled(straight).cost


class Machine(RuleBasedStateMachine):
    """One attempt from its acceptance on, with everything that can happen to it in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.attempt = attempt()
        self.now = NOW
        self.path = [self.attempt.state]
        self.end: Attempt | None = None

    def _now(self, after: Attempt) -> None:
        self.now += timedelta(seconds=25)
        if after.state is not self.attempt.state:
            self.path.append(after.state)
        self.attempt = after
        if self.end is None and after.state in TERMINAL:
            self.end = after

    @rule(update=updates)
    def hear(self, update: Update) -> None:
        self._now(observe(self.attempt, update, SPEC, self.now))

    @rule(update=updates)
    def hear_twice(self, update: Update) -> None:
        once = observe(self.attempt, update, SPEC, self.now)
        assert observe(once, update, SPEC, self.now) == once
        self._now(once)

    @rule(why=st.sampled_from(["caller", "patience"]))
    @precondition(lambda self: self.attempt.canceling is None and self.attempt.state not in TERMINAL)
    def cancel(self, why: str) -> None:
        self._now(replace(self.attempt, canceling=why))

    @rule()
    @precondition(lambda self: self.attempt.state is S.OUTPUT_READY)
    def download(self) -> None:
        self._now(moved(self.attempt, S.DOWNLOADING, self.now))

    @rule()
    @precondition(lambda self: self.attempt.state is S.DOWNLOADING)
    def deliver(self) -> None:
        cost = delivered_cost(self.attempt, SPEC)
        stored = moved(self.attempt, S.STORED, self.now)
        self._now(stored)
        self._now(moved(replace(stored, cost=cost, hold_micros=0), S.SETTLED, self.now))

    @rule()
    @precondition(lambda self: self.attempt.state is S.DOWNLOADING)
    def lose(self) -> None:
        lost = Failure(kind="ResultGone", message="gone", charged="yes")
        self._now(ended(self.attempt, S.EXPIRED, lost, SPEC, self.now))

    @invariant()
    def the_end_is_never_left(self) -> None:
        if self.end is not None:
            assert self.attempt == self.end

    @invariant()
    def every_step_is_in_the_table(self) -> None:
        assert all(after in TRANSITIONS[before] for before, after in itertools.pairwise(self.path))

    @invariant()
    def money_is_held_until_it_is_settled(self) -> None:
        over = self.attempt.state in TERMINAL
        assert (self.attempt.cost is not None) == over
        assert self.attempt.hold_micros == (0 if over else HOLD)
        assert (self.attempt.finished_at is not None) == over

    @invariant()
    def a_paid_clip_keeps_an_address(self) -> None:
        if self.attempt.state in (S.OUTPUT_READY, S.DOWNLOADING, S.SETTLED):
            assert self.attempt.outputs


Machine.TestCase.settings = settings(max_examples=60 * MORE, stateful_step_count=25, deadline=None)
TestMachine = Machine.TestCase
