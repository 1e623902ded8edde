"""Which candidate comes next, and whether the cap allows it. Writes nothing to the record."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from anyvideo.catalog.spec import ModelSpec
from anyvideo.jobs.schedule import patience
from anyvideo.routing.after import AFTER, next_candidate, ruled_out
from anyvideo.types.errors import BudgetExceeded, ConfigurationError, StoreError
from anyvideo.types.job import Account, Attempt, Failure, Job, Write
from anyvideo.types.money import dollars
from anyvideo.types.plan import Adjustment, Candidate, Fit, Plan
from anyvideo.types.states import AttemptState, JobStatus

logger = logging.getLogger("anyvideo")


class Shelf(Protocol):
    """Finds a model's spec, whether it can be bought here, and whose money its provider spends."""

    def spec(self, model: str) -> ModelSpec:
        """Raises PluginError when its plugin is not here."""
        ...

    def check(self, model: str) -> None:
        """Raises ConfigurationError when its plugin or key is missing here, StoreError for its folder."""
        ...

    def account(self, name: str) -> Account:
        """The account at a provider."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The next attempt, or how the job ends.

    `left_out` says why of each model that max_cost, or what is missing here, left out.
    """

    attempt: Attempt | None = None
    status: JobStatus = JobStatus.FAILED
    failure: Failure | None = None
    left_out: tuple[str, ...] = ()


def choose(job: Job, shelf: Shelf, now: datetime, *, skipped: Collection[str] = ()) -> Choice:
    """The next attempt of a job whose latest one has ended, or which has none yet.

    `skipped` are models that a budget has turned down; what does not fit the job's own cap, and what follows
    another and cannot be begun here, is left out. A first one that cannot raises what `Shelf.check` does.
    """
    last = job.attempt
    if job.cancel_requested:
        return Choice(status=JobStatus.CANCELED, failure=last.failure if last else None)
    passed, left_out = [(model, "") for model in skipped], []
    while (candidate := _following(job, passed)) is not None:
        why_not = _why_not(job, candidate, shelf)
        if why_not is None:
            return Choice(attempt=_attempt(job, candidate, shelf, now))
        passed.append((candidate.model, candidate.vendor))
        left_out.append(why_not)
    return Choice(failure=last.failure if last else None, left_out=tuple(left_out))


def affordable(job: Job, candidate: Candidate) -> bool:
    """Whether the candidate's ceiling fits what the cap leaves.

    An unknown one was let in by the plan, on the caller's word: no cap binds it, and `_told` says so.
    """
    cap = job.options.max_cost_micros
    return cap is None or spent(job) + (candidate.quote.ceiling_micros or 0) <= cap


def _why_not(job: Job, candidate: Candidate, shelf: Shelf) -> str | None:
    if not affordable(job, candidate):
        return _over_cap(job, candidate)
    try:
        shelf.check(candidate.model)
    except (ConfigurationError, StoreError) as error:
        if not job.attempts:
            raise
        return f"{candidate.model}: {error}"
    return None


def _over_cap(job: Job, candidate: Candidate) -> str:
    left = (job.options.max_cost_micros or 0) - spent(job)
    ceiling = candidate.quote.ceiling_micros or 0
    words = f"{candidate.model} may cost {dollars(ceiling)} USD"
    return f"{words}, and max_cost leaves {dollars(max(left, 0))} USD"


def may_buy_again(job: Job) -> bool:
    """Whether the caller chose to buy again what nobody knows the fate of, and the cap for that allows it.

    What has no known price fits no cap.
    """
    unknown = [attempt for attempt in job.attempts if attempt.state is AttemptState.UNKNOWN]
    cap = job.options.max_duplicate_micros
    return (
        job.options.on_unknown == "resubmit"
        and cap is not None
        and all(attempt.hold_micros > 0 for attempt in unknown)
        and sum(attempt.hold_micros for attempt in unknown) <= cap
    )


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
    return sum(attempt.hold_micros + (attempt.cost.micros if attempt.cost else 0) for attempt in job.attempts)


def _following(job: Job, passed: list[tuple[str, str]]) -> Candidate | None:
    last = job.attempt
    models = {model for model, _ in passed}
    if last is None:
        return next((candidate for candidate in job.plan.ready if candidate.model not in models), None)
    assert last.failure is not None, "an attempt that ended without a clip says why"
    after = AFTER[last.failure.kind]
    if last.model not in models and (_once_more(job, last, last.failure) or _bought_again(last)):
        return next((candidate for candidate in job.plan.ready if candidate.model == last.model), None)
    tried = [*((attempt.model, attempt.vendor) for attempt in job.attempts), *passed]
    avoid = ruled_out((attempt.failure.kind, attempt.vendor) for attempt in job.attempts if attempt.failure)
    return next_candidate(job.plan, tried, after, last.vendor, avoid=avoid)


def _once_more(job: Job, last: Attempt, failure: Failure) -> bool:
    tries = sum(attempt.model == last.model for attempt in job.attempts)
    return AFTER[failure.kind].again == "once_if_transient" and failure.transient and tries == 1


def _bought_again(last: Attempt) -> bool:
    """The caller chose to buy again what nobody knows the fate of."""
    return last.state is AttemptState.UNKNOWN


def _told(job: Job, candidate: Candidate) -> Fit:
    """The fit, with a note and a warning for each cap that cannot bind a model of no known price."""
    options = job.options
    cap = options.max_cost_micros
    caps = {
        "max_cost": "" if cap is None else f"{dollars(cap)} USD",
        "budgets": ", ".join(map(str, options.budgets)),
    }
    if candidate.quote.ceiling_micros is not None or not any(caps.values()):
        return candidate.fit
    reason = "no known price bounds what this model costs"
    notes = [
        Adjustment(field=n, asked=asked, given=None, reason=reason) for n, asked in caps.items() if asked
    ]
    names = " and ".join(note.field for note in notes)
    logger.warning("job %s: %s cannot bind %s: %s", job.id, names, candidate.model, reason)
    return replace(candidate.fit, adjustments=(*candidate.fit.adjustments, *notes))


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
        fit=_told(job, candidate),
        quote=candidate.quote,
        state=AttemptState.HELD,
        tag=secrets.token_hex(16),
        created_at=now,
        hold_micros=candidate.quote.ceiling_micros or 0,
        patience=patience(job, spec, now=now, candidates_left=left),
        writes=(Write(name="W1", at=now),),
    )
