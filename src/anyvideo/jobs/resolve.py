"""An unknown outcome, or a clip that cannot be fetched, decided by a person who saw the vendor's pages."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace

import anyio

from anyvideo.jobs.backends import Backend, Backends
from anyvideo.jobs.files import kept
from anyvideo.jobs.look import look, went_wrong
from anyvideo.jobs.observe import delivered_cost, ended
from anyvideo.jobs.outcome import decision, settlement, unfetched
from anyvideo.jobs.reconcile import adopt, release
from anyvideo.jobs.turn import Turn
from anyvideo.provider import Found
from anyvideo.types.errors import InvalidRequest, PluginError
from anyvideo.types.events import EventKind
from anyvideo.types.job import Attempt, Failure, Job, Ref, Update
from anyvideo.types.money import Cost, CostBasis
from anyvideo.types.states import AttemptState

S = AttemptState
_JOB_ID = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~:-]{0,199}")
_NOT_SHOWN = frozenset({400, 401, 403, 404, 422})


def to_decide(job: Job, *, provider_job: str | None) -> Attempt:
    """The attempt that a person may decide: of unknown ones the oldest, or the one that a vendor's job was
    written down for, else the latest; where none is unknown, the one whose clip cannot be fetched.

    Raises InvalidRequest where there is none.
    """
    unknown = [attempt for attempt in job.attempts if attempt.state is S.UNKNOWN]
    if not unknown:
        if (stuck := unfetched(job)) is not None:
            return stuck
        raise InvalidRequest(
            f"no outcome of job {job.id} is unknown, and no clip of it failed to be fetched",
            field="job_id",
        )
    if provider_job is None:
        return unknown[0]
    its = (one for one in unknown if one.ref is not None and one.ref.job_id == provider_job)
    return next(its, unknown[-1])


async def decide(
    turn: Turn, attempt: Attempt, backends: Backends, *, charged: bool | None, provider_job: str | None
) -> None:
    """Charged: the hold becomes spend. Not charged: it is released. A vendor's job id: it is followed.

    A clip that cannot be fetched is given up: then it cost what the vendor says or measured, else the hold.

    Raises InvalidRequest unless exactly one of them is said, when the vendor does not show that job to this
    key, and when it is another attempt's; a ProviderError where the vendor could not be asked. Nothing is
    changed then.
    """
    known = attempt.state is not S.UNKNOWN
    if known and provider_job is not None:
        raise InvalidRequest(
            "the vendor's job is known and its clip is ready: only whether it is charged can be said",
            field="provider_job",
            hint=settlement(turn.job.id),
        )
    if (charged is None) == (provider_job is None):
        raise InvalidRequest(
            "say one thing: charged, not charged, or the vendor's job id",
            field="charged",
            hint=settlement(turn.job.id) if known else decision(turn.job.id),
        )
    if provider_job is not None:
        await _follow(turn, attempt, backends, provider_job)
    elif known:
        await _give_up(turn, attempt, backends, charged=charged is True)
    elif charged:
        await _book(turn, attempt)
    else:
        await release(turn, attempt)


async def _follow(turn: Turn, attempt: Attempt, backends: Backends, provider_job: str) -> None:
    with turn.following(attempt) as followed:
        if not followed:
            raise InvalidRequest(
                "the job went on without this attempt: its result cannot be used",
                field="provider_job",
                hint=f"fetch the clip at the vendor's own page; then: {settlement(turn.job.id)}",
            )
        await _adopted(turn, attempt, backends, provider_job)


async def _adopted(turn: Turn, attempt: Attempt, backends: Backends, provider_job: str) -> None:
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
        kind="ResultGone", message="charged, and its result is lost", stage="resolve", charged="yes"
    )
    await turn.save(ended(attempt, S.FAILED, lost, None, turn.clock.now()))


async def _give_up(turn: Turn, attempt: Attempt, backends: Backends, *, charged: bool) -> None:
    """Nobody waits for its clip any longer. Raises InvalidRequest where its file is here."""
    if await anyio.Path(kept(turn.store.folder, turn.job.id, attempt)).exists():
        raise InvalidRequest(
            "the clip has been fetched: it only waits to be delivered",
            field="job_id",
            hint=f"anyvideo resume {turn.job.id}",
        )
    words = "charged" if charged else "not charged"
    lost = Failure(
        kind="ResultGone",
        message=f"{words}, and its clip cannot be fetched",
        stage="resolve",
        charged="yes" if charged else "no",
    )
    spec = None
    with suppress(PluginError):
        spec = backends.spec(attempt.model)
    cost = delivered_cost(attempt, spec) if charged else Cost(micros=0, basis=CostBasis.COMPUTED)
    closed = ended(attempt, S.EXPIRED, lost, spec, turn.clock.now())
    await turn.save(replace(closed, cost=cost))
    turn.say(EventKind.ATTEMPT_ENDED, failure=lost, cost=cost)
