"""What is still open about a job: money held for attempts of unknown fate, and which model follows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from anyvideo.types.money import dollars
from anyvideo.types.states import TERMINAL, AttemptState

if TYPE_CHECKING:
    from decimal import Decimal

    from anyvideo.types.job import Attempt, Job
    from anyvideo.types.plan import Candidate


def held(attempts: Iterable[Attempt]) -> Decimal:
    """Dollars that are set aside for attempts whose cost is not settled."""
    return dollars(sum(one.hold_micros for one in attempts if one.cost is None))


def held_words(job_id: str, attempts: Iterable[Attempt]) -> Iterator[str]:
    """What is held for each attempt of unknown fate, and how that is decided."""
    from anyvideo.jobs.outcome import settlement

    for attempt in attempts:
        if attempt.state is AttemptState.UNKNOWN:
            priced = attempt.quote.ceiling_micros is not None
            amount = f"{dollars(attempt.hold_micros)} USD" if priced else "an unknown amount"
            yield (
                f"{amount} for attempt {attempt.number}, {attempt.model}, which may"
                f" have been bought; see the vendor's pages, then: {settlement(job_id)}"
            )


def between_attempts(job: Job) -> bool:
    """Whether the latest attempt has ended and the job has not."""
    last = job.attempt
    return not job.finished and last is not None and last.state in TERMINAL and last.failure is not None


def next_model(job: Job) -> Candidate | None:
    """The candidate that is bought when a job is driven on whose latest attempt has ended; None: none is.

    What is missing here, or a budget, may rule it out then.
    """
    from anyvideo.jobs.choose import affordable
    from anyvideo.routing.after import AFTER, next_candidate, ruled_out

    last = job.attempt
    if job.cancel_requested or last is None or last.failure is None:
        return None
    tried = [(attempt.model, attempt.vendor) for attempt in job.attempts]
    avoid = ruled_out((one.failure.kind, one.vendor) for one in job.attempts if one.failure)
    after = AFTER[last.failure.kind]
    while (found := next_candidate(job.plan, tried, after, last.vendor, avoid=avoid)) is not None:
        if affordable(job, found):
            return found
        tried.append((found.model, found.vendor))
    return None
