"""How a job ended, as a value or as the error to raise."""

from __future__ import annotations

from typing import TypeVar

from anyvideo.types.errors import (
    AllModelsFailed,
    JobCanceled,
    JobError,
    OutcomeUnknown,
    ProviderError,
    StillRunning,
    VideoRefused,
)
from anyvideo.types.job import Attempt, Job
from anyvideo.types.states import AttemptState, JobStatus
from anyvideo.types.video import Video

UNFETCHED_AFTER = 3
"""So many tries in a row to fetch a clip fail before a person may give it up."""

E = TypeVar("E", bound=JobError)


def delivered(job: Job) -> Video:
    """The video of a job that succeeded. Raises the error that says how it ended otherwise."""
    if job.status is not JobStatus.SUCCEEDED or job.artifact is None or job.cost is None:
        raise _placed(_ending(job), job)
    attempt = job.attempts[-1]
    return Video(
        job_id=job.id,
        path=job.artifact.path,
        info=job.artifact.info,
        model=attempt.model,
        cost=job.cost,
        attempts=job.attempts,
        adjustments=attempt.fit.adjustments,
        label=job.artifact.label,
        mismatches=job.artifact.mismatches,
    )


def still_running(job: Job, timeout: float | None) -> StillRunning:
    """The error for a wait that ended before the job."""
    waited = "" if timeout is None else f" after {timeout:g} s"
    hint = f"go on with: anyvideo resume {job.id}"
    if job.cancel_requested:
        hint = f"go on with: anyvideo cancel {job.id}; anyvideo resume {job.id} takes the cancel back"
    standing = f"job {job.id} is still {job.status}{waited}"
    if (stuck := unfetched(job)) is not None:
        standing += f": its clip is ready at the vendor and could not be fetched ({stuck.trouble} tries)"
        hint += f"; give the clip up with: {settlement(job.id)}"
    return _placed(StillRunning(standing, job_id=job.id, hint=hint), job)


def unfetched(job: Job) -> Attempt | None:
    """The attempt whose clip is ready at the vendor, where fetching it has failed."""
    attempt = job.attempt
    if job.finished or attempt is None or attempt.trouble < UNFETCHED_AFTER:
        return None
    return attempt if attempt.state in (AttemptState.OUTPUT_READY, AttemptState.DOWNLOADING) else None


def unknown(job: Job) -> OutcomeUnknown:
    """The error for a job whose outcome nobody can tell."""
    error = OutcomeUnknown(
        f"{job.attempts[-1].model} may have taken job {job.id} and nobody can tell yet;"
        " its money is held, nothing is resent",
        job_id=job.id,
        hint=f"look again with: anyvideo resume {job.id}; decide with: {decision(job.id)}",
    )
    return _placed(error, job)


def decision(job_id: str) -> str:
    """The command by which a person decides an unknown outcome."""
    return f"{settlement(job_id)}|--provider-job VENDOR_ID"


def settlement(job_id: str) -> str:
    """The command by which a person gives up a clip that cannot be fetched."""
    return f"anyvideo jobs resolve {job_id} --charged|--not-charged"


def failures(job: Job) -> list[ProviderError]:
    """One typed cause for each attempt that failed, in order."""
    return [
        attempt.failure.error(provider=attempt.provider, model=attempt.model)
        for attempt in job.attempts
        if attempt.failure is not None
    ]


def _placed(error: E, job: Job) -> E:
    """The error with where its job was bought last."""
    attempt = job.attempt
    if attempt is None:
        return error
    return error.bought(attempt.provider, attempt.ref.job_id if attempt.ref else None)


def _ending(job: Job) -> JobError:
    if job.status is JobStatus.CANCELED:
        cost = "" if job.cost is None else f" and cost {job.cost}"
        return JobCanceled(f"job {job.id} was canceled{cost}", job_id=job.id)
    if job.status is JobStatus.UNKNOWN:
        return unknown(job)
    if job.failure is not None and job.failure.kind == VideoRefused.__name__ and job.artifact is not None:
        return VideoRefused(job.failure.message, job_id=job.id, path=job.artifact.path, hint=job.failure.hint)
    causes = failures(job)
    if job.finished and causes:
        summary = "; ".join(f"{cause.model}: {cause.message}" for cause in causes)
        return AllModelsFailed(f"every model failed: {summary}", causes, job_id=job.id)
    return StillRunning(f"job {job.id} is {job.status}", job_id=job.id)
