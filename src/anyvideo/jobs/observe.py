"""What an update does to an attempt. Pure and idempotent: late, doubled and reordered updates are no-ops."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from anyvideo.catalog.prices import computed_cost
from anyvideo.catalog.spec import ModelSpec
from anyvideo.jobs.sane import sane_update
from anyvideo.types.job import Attempt, Failure, Output, Update, Write
from anyvideo.types.money import UNKNOWN_COST, Cost, CostBasis
from anyvideo.types.states import TERMINAL, AttemptState, JobStatus, allowed

S = AttemptState
GONE = timedelta(seconds=60)
GONE_AFTER_CANCEL = timedelta(seconds=2)
_ENDS = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELED})
OBSERVABLE = frozenset({S.ACCEPTED, S.RUNNING, S.OUTPUT_READY, S.DOWNLOADING})


def moved(attempt: Attempt, state: AttemptState, now: datetime, *, write: str | None = None) -> Attempt:
    """The attempt in another state. Raises AssertionError for a move that the table does not have."""
    if attempt.state is state:
        return attempt
    assert allowed(attempt.state, state), f"{attempt.state} → {state}"
    finished = now if state in TERMINAL else None
    history = (*attempt.writes, Write(name=write or state.value, at=now))
    return replace(attempt, state=state, finished_at=finished, writes=history)


def observe(attempt: Attempt, update: Update, spec: ModelSpec, now: datetime) -> Attempt:
    """The attempt after an update of any origin: poll, list, webhook or reconcile."""
    if attempt.state not in OBSERVABLE:
        return attempt
    update = sane_update(update)
    if attempt.state in (S.OUTPUT_READY, S.DOWNLOADING):
        return _refreshed(attempt, update, spec, now)
    seen = replace(
        attempt,
        native=update.native,
        progress=update.progress if update.progress is not None else attempt.progress,
        queue=update.queue,
        usage={**attempt.usage, **update.usage},
        reported_cost=update.reported_cost or attempt.reported_cost,
    )
    if update.gone:
        return _gone(seen, now)
    if update.status is JobStatus.SUCCEEDED and not update.outputs:
        return _without_file(seen, spec, now)
    seen = replace(seen, gone_since=None)
    match update.status:
        case JobStatus.SUCCEEDED:
            return moved(replace(seen, outputs=update.outputs, progress=1.0), S.OUTPUT_READY, now, write="W4")
        case JobStatus.FAILED | JobStatus.CANCELED:
            return _given_up(seen, update, spec, now)
        case JobStatus.RUNNING:
            return moved(seen, S.RUNNING, now)
        case _:
            return seen


def _given_up(attempt: Attempt, update: Update, spec: ModelSpec, now: datetime) -> Attempt:
    """The attempt that its vendor calls failed or canceled."""
    if update.status is JobStatus.CANCELED:
        return ended(attempt, S.CANCELED, update.failure or canceled_failure(attempt), spec, now)
    failure = update.failure or Failure(kind="GenerationFailed", message="failed without a reason")
    return ended(attempt, S.FAILED, failure, spec, now)


def canceled_failure(attempt: Attempt) -> Failure:
    """Why a canceled attempt ended."""
    if attempt.canceling == "patience":
        return Failure(
            kind="PatienceOver",
            message=f"not finished within {attempt.patience:g} s, canceled",
            stage="cancel",
        )
    by = "canceled by you" if attempt.canceling == "caller" else "canceled at the vendor"
    return Failure(kind="GenerationFailed", message=by, stage="cancel", charged="unknown")


def ended(
    attempt: Attempt, state: AttemptState, failure: Failure, spec: ModelSpec | None, now: datetime
) -> Attempt:
    """The attempt closed without a clip: what it cost is settled, its hold is gone."""
    cost = failed_cost(attempt, failure, spec)
    return moved(replace(attempt, failure=failure, cost=cost, hold_micros=0), state, now)


def failed_cost(attempt: Attempt, failure: Failure, spec: ModelSpec | None) -> Cost:
    """What an attempt without a clip cost: reported, else computed where it was billed, else the hold."""
    if attempt.reported_cost is not None:
        return attempt.reported_cost
    if failure.charged == "no":
        return Cost(micros=0, basis=CostBasis.COMPUTED)
    computed = computed_cost(spec, attempt.fit, attempt.usage) if spec and attempt.usage else None
    return computed or _by_hold(attempt)


def delivered_cost(attempt: Attempt, spec: ModelSpec | None) -> Cost:
    """What a delivered clip cost: reported, else computed, else the hold."""
    if attempt.reported_cost is not None:
        return attempt.reported_cost
    computed = computed_cost(spec, attempt.fit, attempt.usage) if spec else None
    return computed or _by_hold(attempt)


def _by_hold(attempt: Attempt) -> Cost:
    """What stands in for a cost that nobody tells: the hold; where no price bounds it there was none."""
    if attempt.quote.ceiling_micros is None:
        return UNKNOWN_COST
    return Cost(micros=attempt.hold_micros, basis=CostBasis.ESTIMATED)


def without_secrets(outputs: tuple[Output, ...]) -> tuple[Output, ...]:
    """Outputs with their addresses cut to origin and path: the query of a signed address is a secret."""
    return tuple(
        replace(output, url=output.url.partition("?")[0] if output.url else None) for output in outputs
    )


def _refreshed(attempt: Attempt, update: Update, spec: ModelSpec, now: datetime) -> Attempt:
    """A finished clip may get a fresh address; what was said before its end and comes late is left aside.

    A vendor that has no such clip any more, or calls it failed after all, is believed once it has said so
    for as long as for a job that seems gone.
    """
    if not update.gone and update.status not in _ENDS:
        return replace(attempt, gone_since=None)
    if update.gone or update.status is not JobStatus.SUCCEEDED or not update.outputs:
        waited = gone_for_good(attempt, now)
        since = attempt.gone_since or now
        return _taken_back(attempt, update, spec, now) if waited else replace(attempt, gone_since=since)
    return replace(
        attempt,
        gone_since=None,
        outputs=update.outputs,
        usage={**attempt.usage, **update.usage},
        reported_cost=update.reported_cost or attempt.reported_cost,
    )


def _taken_back(attempt: Attempt, update: Update, spec: ModelSpec, now: datetime) -> Attempt:
    """A finished clip ends without its file. What it was said to have cost holds no more where the vendor
    now says that it is not charged.
    """
    if update.gone or update.status is JobStatus.SUCCEEDED:
        lost = Failure(
            kind="ResultGone", message="the vendor has removed the result", stage="result", charged="yes"
        )
        return replace(ended(attempt, S.EXPIRED, lost, spec, now), cost=delivered_cost(attempt, spec))
    free = update.failure is not None and update.failure.charged == "no"
    seen = replace(
        attempt,
        native=update.native,
        usage={**attempt.usage, **update.usage},
        reported_cost=update.reported_cost or (None if free else attempt.reported_cost),
    )
    return _given_up(seen, update, spec, now)


def gone_for_good(attempt: Attempt, now: datetime) -> bool:
    """Whether the vendor has said long enough that it does not know the job: one 404 may be a hiccup."""
    window = GONE_AFTER_CANCEL if attempt.cancel_sent else GONE
    return attempt.gone_since is not None and now >= attempt.gone_since + window


def _without_file(attempt: Attempt, spec: ModelSpec, now: datetime) -> Attempt:
    """Finished at the vendor, and no file yet: it is waited for as long as for a job that seems gone."""
    if not gone_for_good(attempt, now):
        return replace(attempt, gone_since=attempt.gone_since or now)
    empty = Failure(kind="GenerationFailed", message="finished without a file", stage="result")
    return ended(attempt, S.FAILED, empty, spec, now)


def _gone(attempt: Attempt, now: datetime) -> Attempt:
    if not gone_for_good(attempt, now):
        return replace(attempt, gone_since=attempt.gone_since or now)
    if attempt.cancel_sent:
        cost = attempt.reported_cost or _by_hold(attempt)
        closed = replace(attempt, failure=canceled_failure(attempt), cost=cost, hold_micros=0)
        return moved(closed, S.CANCELED, now)
    lost = Failure(
        kind="ResultGone", message="the vendor no longer knows this job", stage="poll", charged="yes"
    )
    cost = attempt.reported_cost or _by_hold(attempt)
    return moved(replace(attempt, failure=lost, cost=cost, hold_micros=0), S.EXPIRED, now)
