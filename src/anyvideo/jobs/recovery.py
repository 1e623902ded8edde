"""Which unfinished jobs are whose, which is most urgent, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from anyvideo.jobs.backends import Backends
from anyvideo.types.errors import AnyVideoError, ConfigurationError
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
    """What became of an unfinished job. `elsewhere`: bought with another key or at another address, as
    `problem` says with the way out; `stopped`: by `problem`.
    """

    job: Job
    outcome: Outcome
    problem: str | None = None


def stranger(job: Job, backends: Backends) -> AnyVideoError | None:
    """Why this client must leave the job alone; None where it has the account that the job spends from."""
    attempt = job.attempt
    if attempt is None or attempt.account is None:
        return None
    try:
        mine = backends.account(attempt.provider)
    except AnyVideoError as error:
        return error
    if mine == attempt.account:
        return None
    if mine.origin != attempt.account.origin:
        return ConfigurationError(
            f"job {job.id} was bought at another {attempt.provider} address",
            field="account",
            hint="use the base URL that it was submitted with",
        )
    return ConfigurationError(
        f"job {job.id} was bought with another {attempt.provider} key",
        field="account",
        hint=f"use that key, or, where this one has replaced it: anyvideo recover --take-over {job.id}",
    )


def urgency(job: Job) -> tuple[int, datetime]:
    """Sorts what expires first to the front: finished clips by expiry, then what runs, by age."""
    attempt = job.attempt
    if attempt is None:
        return (2, job.created_at)
    expiry = to_fetch_before(job)
    if expiry is not None:
        return (0, expiry)
    return (1, min(_expiry(attempt), attempt.created_at + timedelta(days=1)))


def to_fetch_before(job: Job) -> datetime | None:
    """When the job's finished clip expires at the vendor; None where none waits there to be fetched."""
    attempt = job.attempt
    return _expiry(attempt) if attempt is not None and attempt.state in _READY else None


def report(job: Job, result: Job | Exception | None, elsewhere: AnyVideoError | None) -> Recovered:
    """The outcome of a job that was driven, or was not ours to drive."""
    if elsewhere is not None:
        return Recovered(job=job, outcome="elsewhere", problem=str(elsewhere))
    if isinstance(result, Exception):
        known = isinstance(result, AnyVideoError)
        problem = str(result) if known else f"unexpected {type(result).__name__}"
        return Recovered(job=job, outcome="stopped", problem=problem)
    return Recovered(job=job, outcome=_OUTCOMES.get(job.status, "running"))


def _expiry(attempt: Attempt) -> datetime:
    known = [output.expires_at for output in attempt.outputs if output.expires_at is not None]
    return min(known, default=_NEVER)
