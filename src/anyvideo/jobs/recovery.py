"""Which unfinished jobs are whose, which is most urgent, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from anyvideo.jobs.backends import Backends
from anyvideo.types.errors import AnyVideoError
from anyvideo.types.job import Attempt, Job
from anyvideo.types.states import AttemptState, JobStatus

Outcome = Literal["delivered", "failed", "canceled", "held", "running", "elsewhere", "stopped"]
_OUTCOMES: dict[JobStatus, Outcome] = {
    JobStatus.SUCCEEDED: "delivered",
    JobStatus.FAILED: "failed",
    JobStatus.CANCELED: "canceled",
    JobStatus.UNKNOWN: "held",
}
_NEVER = datetime.max.replace(tzinfo=UTC)
_READY = (AttemptState.OUTPUT_READY, AttemptState.DOWNLOADING, AttemptState.STORED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What became of an unfinished job. `elsewhere`: another account or address; `stopped`: by `problem`."""

    job: Job
    outcome: Outcome
    problem: str | None = None


def in_reach(job: Job, backends: Backends) -> bool:
    """Whether this client has the account that the job's latest attempt spends from."""
    attempt = job.attempt
    if attempt is None or attempt.account is None:
        return True
    try:
        return backends.account(attempt.provider) == attempt.account
    except AnyVideoError:
        return False


def urgency(job: Job) -> tuple[int, datetime]:
    """Sorts what expires first to the front: finished clips by expiry, then what runs, by age."""
    attempt = job.attempt
    if attempt is None:
        return (2, job.created_at)
    expiry = _expiry(attempt)
    if attempt.state in _READY:
        return (0, expiry)
    return (1, min(expiry, attempt.created_at + timedelta(days=1)))


def report(job: Job, result: Job | Exception | None, mine: bool) -> Recovered:
    """The outcome of a job that was driven, or was not ours to drive."""
    if not mine:
        return Recovered(job=job, outcome="elsewhere")
    if isinstance(result, AnyVideoError):
        return Recovered(job=job, outcome="stopped", problem=str(result))
    return Recovered(job=job, outcome=_OUTCOMES.get(job.status, "running"))


def _expiry(attempt: Attempt) -> datetime:
    known = [output.expires_at for output in attempt.outputs if output.expires_at is not None]
    return min(known, default=_NEVER)
