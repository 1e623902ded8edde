"""An unknown outcome, decided by a person who looked at the vendor's own pages."""

from __future__ import annotations

import re
from dataclasses import replace

from anyvideo.jobs.backends import Backend, Backends
from anyvideo.jobs.look import look, went_wrong
from anyvideo.jobs.observe import ended
from anyvideo.jobs.outcome import decision
from anyvideo.jobs.reconcile import adopt, release
from anyvideo.jobs.turn import Turn
from anyvideo.provider import Found
from anyvideo.types.errors import InvalidRequest
from anyvideo.types.job import Attempt, Failure, Ref, Update
from anyvideo.types.states import AttemptState

_JOB_ID = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~:-]{0,199}")
_NOT_SHOWN = frozenset({400, 401, 403, 404, 422})


async def decide(
    turn: Turn, attempt: Attempt, backends: Backends, *, charged: bool | None, provider_job: str | None
) -> None:
    """Charged: the hold becomes spend. Not charged: it is released. A vendor's job id: it is followed.

    Raises InvalidRequest unless exactly one of them is said, when the vendor does not show that job to this
    key, and when it is another attempt's; a ProviderError where the vendor could not be asked. Nothing is
    changed then.
    """
    if (charged is None) == (provider_job is None):
        raise InvalidRequest(
            "say one thing: charged, not charged, or the vendor's job id",
            field="charged",
            hint=decision(turn.job.id),
        )
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
    ref = Ref(job_id=provider_job, model=spec.slug)
    update = await _shown(attempt, await backends.get(attempt.provider), ref)
    found = Found(ref=ref, update=update, created_at=turn.clock.now(), inputs={})
    if not await adopt(turn, found, spec):
        raise InvalidRequest(
            f"the vendor's job {provider_job} belongs to another attempt", field="provider_job"
        )


async def _shown(attempt: Attempt, backend: Backend, ref: Ref) -> Update:
    """What the vendor says of the job that a person named: one free look."""
    if not _JOB_ID.fullmatch(ref.job_id):
        raise _not_there(attempt, ref)
    try:
        update = await look(backend, ref)
    except Exception as error:
        said = went_wrong(backend, error, stage="poll")
        if said.status in _NOT_SHOWN:
            raise _not_there(attempt, ref) from error
        hint = "nothing was changed: try again"
        raise replace(said, hint=hint).error(provider=attempt.provider, model=attempt.model) from error
    if update.gone:
        raise _not_there(attempt, ref)
    return update


def _not_there(attempt: Attempt, ref: Ref) -> InvalidRequest:
    return InvalidRequest(
        f"{attempt.provider} shows no job {ref.job_id!r} to this key",
        field="provider_job",
        hint="copy the id from the vendor's own page of jobs",
    )


async def _book(turn: Turn, attempt: Attempt) -> None:
    """It was taken and billed, and its result is lost."""
    lost = Failure(
        kind="ResultGone", message="charged, and its result is lost", stage="submit", charged="yes"
    )
    await turn.save(ended(attempt, AttemptState.FAILED, lost, None, turn.clock.now()))
