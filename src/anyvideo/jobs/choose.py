"""Which candidate comes next, and whether the cap allows it. Pure."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from anyvideo.catalog.spec import ModelSpec
from anyvideo.jobs.schedule import patience
from anyvideo.routing.after import AFTER, next_candidate, ruled_out
from anyvideo.types.errors import BudgetExceeded
from anyvideo.types.job import Account, Attempt, Failure, Job, Write
from anyvideo.types.money import dollars
from anyvideo.types.plan import Candidate, Plan
from anyvideo.types.states import AttemptState, JobStatus


class Shelf(Protocol):
    """Finds a model's spec, and whose money its provider spends."""

    def spec(self, model: str) -> ModelSpec:
        """Raises PluginError when its plugin is not here."""
        ...

    def account(self, name: str) -> Account:
        """The account at a provider."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The next attempt, or how the job ends."""

    attempt: Attempt | None = None
    status: JobStatus = JobStatus.FAILED
    failure: Failure | None = None


def choose(job: Job, shelf: Shelf, now: datetime) -> Choice:
    """The next attempt of a job whose latest one has ended, or which has none yet."""
    last = job.attempt
    if job.cancel_requested or (last is not None and last.canceling == "caller"):
        return Choice(status=JobStatus.CANCELED, failure=last.failure if last else None)
    candidate = _following(job)
    while candidate is not None and not affordable(job, candidate):
        candidate = _after_skipping(job, candidate)
    if candidate is None:
        return Choice(failure=last.failure if last else None)
    return Choice(attempt=_attempt(job, candidate, shelf, now))


def affordable(job: Job, candidate: Candidate) -> bool:
    """Whether the candidate's ceiling fits what the cap leaves. Unknown ceilings were let in by the plan."""
    cap = job.options.max_cost_micros
    return cap is None or spent(job) + (candidate.quote.ceiling_micros or 0) <= cap


def check_cap(plan: Plan, cap_micros: int | None) -> None:
    """Raises BudgetExceeded when no ready candidate fits the cap."""
    ceilings = [candidate.quote.ceiling_micros or 0 for candidate in plan.ready]
    if cap_micros is not None and ceilings and min(ceilings) > cap_micros:
        raise BudgetExceeded(
            f"the cheapest ready model may cost {dollars(min(ceilings))} USD,"
            f" the cap is {dollars(cap_micros)} USD",
            field="max_cost",
            hint="raise max_cost, or ask for a shorter or smaller clip",
        )


def spent(job: Job) -> int:
    """Micro-dollars that the attempts so far have cost or hold."""
    return sum(
        attempt.hold_micros + (attempt.cost.micros if attempt.cost else 0) for attempt in job.attempts
    )


def _following(job: Job) -> Candidate | None:
    last = job.attempt
    if last is None:
        return next(iter(job.plan.ready), None)
    assert last.failure is not None, "an attempt that ended without a clip says why"
    after = AFTER[last.failure.kind]
    tries = sum(attempt.model == last.model for attempt in job.attempts)
    if after.again == "once_if_transient" and last.failure.transient and tries == 1:
        return next(candidate for candidate in job.plan.ready if candidate.model == last.model)
    return next_candidate(job.plan, _tried(job), after, last.vendor, avoid=_ruled_out(job))


def _after_skipping(job: Job, skipped: Candidate) -> Candidate | None:
    """The one after a candidate that the cap does not allow."""
    ready = job.plan.ready
    rest = ready[ready.index(skipped) + 1 :]
    reduced = replace(job.plan, candidates=rest)
    last = job.attempt
    if last is None or last.failure is None:
        return next(iter(rest), None)
    after = AFTER[last.failure.kind]
    return next_candidate(reduced, _tried(job), after, last.vendor, avoid=_ruled_out(job))


def _tried(job: Job) -> list[tuple[str, str]]:
    return [(attempt.model, attempt.vendor) for attempt in job.attempts]


def _ruled_out(job: Job) -> frozenset[str]:
    return ruled_out((attempt.failure.kind, attempt.vendor) for attempt in job.attempts if attempt.failure)


def _attempt(job: Job, candidate: Candidate, shelf: Shelf, now: datetime) -> Attempt:
    spec = shelf.spec(candidate.model)
    tried = {attempt.model for attempt in job.attempts} | {candidate.model}
    left = sum(other.model not in tried for other in job.plan.ready)
    return Attempt(
        id=f"{job.id}.{len(job.attempts) + 1}",
        number=len(job.attempts) + 1,
        model=candidate.model,
        vendor=candidate.vendor,
        account=shelf.account(spec.provider),
        fit=candidate.fit,
        quote=candidate.quote,
        state=AttemptState.HELD,
        tag=secrets.token_hex(16),
        created_at=now,
        hold_micros=candidate.quote.ceiling_micros or 0,
        patience=patience(job, spec, now=now, candidates_left=left),
        writes=(Write(name="W1", at=now),),
    )
