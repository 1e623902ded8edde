"""When to come back. Pure: everything is computed from stored numbers, nothing sleeps here."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from anyvideo.catalog.spec import ModelSpec
from anyvideo.types.job import Attempt, Job
from anyvideo.types.states import AttemptState

if TYPE_CHECKING:
    from tenacity import RetryCallState

POLLS_PER_JOB = 30
MAX_SENDS = 4
PATIENCE_SLACK = 5.0
"""Seconds between an attempt's creation and the first look at it that do not lengthen its patience."""
PATIENCE_FACTOR = 1.5


def poll_interval(spec: ModelSpec, *, fixed: float | None, bounds: tuple[float, float]) -> float:
    """Seconds to the next poll: what the caller fixed, else a share of the model's usual time in bounds."""
    least, most = bounds
    return fixed if fixed is not None else min(max(spec.median_seconds / POLLS_PER_JOB, least), most)


def backoff(trouble: int, *, base: float = 0.5, ceiling: float = 20.0) -> float:
    """Seconds to wait after the `trouble`-th failure in a row of a free call: full jitter."""
    from tenacity import wait_random_exponential

    state = cast("RetryCallState", SimpleNamespace(attempt_number=max(trouble, 1)))
    return wait_random_exponential(multiplier=base, max=ceiling)(state)


def resend_wait(sends: int, retry_after: float | None) -> float:
    """Seconds until a provably refused submit may be sent again."""
    from tenacity import wait_exponential

    if retry_after is not None:
        return retry_after
    state = cast("RetryCallState", SimpleNamespace(attempt_number=max(sends, 1)))
    return wait_exponential(multiplier=1, max=30)(state)


def patience(job: Job, spec: ModelSpec, *, now: datetime, candidates_left: int) -> float | None:
    """How long the next attempt may take, in seconds; None: as long as it likes, nobody comes after it.

    What the caller fixed, else the declared p99 times 1.5, at most an equal share of the remaining time.
    """
    if candidates_left == 0:
        return None
    if job.options.attempt_timeout is not None:
        return job.options.attempt_timeout
    usual = spec.p99_seconds * PATIENCE_FACTOR
    if job.deadline is None:
        return usual
    return max(1.0, min(usual, (job.deadline - now).total_seconds() / (candidates_left + 1)))


def patience_over(attempt: Attempt, now: datetime, watched: float) -> bool:
    """Whether the attempt has used up its patience, by the calendar and by `watched` monotonic seconds."""
    if attempt.patience is None or watched < attempt.patience - PATIENCE_SLACK:
        return False
    return now >= attempt.created_at + timedelta(seconds=attempt.patience)


def in_time(job: Job, now: datetime, longest: float) -> Job:
    """The job, due at once where the wall clock was set back since its due time was written.

    No wait of ours is longer than `longest` seconds. A refused order waits for as long as its vendor said:
    there the history tells.
    """
    attempt = job.attempt
    if attempt is None or attempt.due_at is None:
        return job
    if attempt.state is AttemptState.HELD:
        set_back = any(now < write.at for write in attempt.writes[-1:])
    else:
        set_back = now < attempt.due_at - timedelta(seconds=longest)
    return replace(job, attempts=(*job.attempts[:-1], replace(attempt, due_at=None))) if set_back else job
