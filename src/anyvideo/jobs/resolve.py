"""An unknown outcome, decided by a person who looked at the vendor's own pages."""

from __future__ import annotations

from anyvideo.jobs.backends import Backends
from anyvideo.jobs.observe import ended
from anyvideo.jobs.reconcile import adopt, release
from anyvideo.jobs.turn import Turn
from anyvideo.provider import Found
from anyvideo.types.errors import InvalidRequest
from anyvideo.types.job import Attempt, Failure, Ref, Update
from anyvideo.types.states import AttemptState, JobStatus


async def decide(
    turn: Turn, attempt: Attempt, backends: Backends, *, charged: bool | None, provider_job: str | None
) -> None:
    """Charged: the hold becomes spend. Not charged: it is released. A vendor's job id: it is followed.

    Raises InvalidRequest unless exactly one of them is said, and when the vendor's job is another attempt's.
    """
    if (charged is None) == (provider_job is None):
        raise InvalidRequest("say one thing: charged, not charged, or the vendor's job id", field="charged")
    if provider_job is not None:
        await _follow(turn, attempt, backends, provider_job)
    elif charged:
        await _book(turn, attempt)
    else:
        await release(turn, attempt)


async def _follow(turn: Turn, attempt: Attempt, backends: Backends, provider_job: str) -> None:
    if attempt.id != turn.attempt.id or turn.job.finished:
        raise InvalidRequest(
            "the job went on without this attempt: its result cannot be used", field="provider_job"
        )
    spec = backends.spec(attempt.model)
    update = Update(status=JobStatus.QUEUED, native="named by the caller")
    found = Found(
        ref=Ref(job_id=provider_job, model=spec.slug), update=update, created_at=turn.clock.now(), inputs={}
    )
    if not await adopt(turn, found, spec):
        raise InvalidRequest(
            f"the vendor's job {provider_job} belongs to another attempt", field="provider_job"
        )


async def _book(turn: Turn, attempt: Attempt) -> None:
    """It was taken and billed, and its result is lost."""
    lost = Failure(
        kind="ResultGone", message="charged, and its result is lost", stage="submit", charged="yes"
    )
    await turn.save(ended(attempt, AttemptState.FAILED, lost, None, turn.clock.now()))
