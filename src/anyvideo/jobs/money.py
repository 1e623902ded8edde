"""What a changed job moves in the books. Pure: derived from before and after, so nobody can forget it."""

from __future__ import annotations

from dataclasses import dataclass

from anyvideo.types.job import Attempt, Job
from anyvideo.types.states import AttemptState


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One attempt's entry in the books, and what becomes of its hold.

    `hold` micro-dollars are set aside anew (None: as before); `settle` micro-dollars replace the hold (None:
    it stays).
    """

    attempt: Attempt
    hold: int | None = None
    settle: int | None = None


def moves(before: Job | None, after: Job) -> list[Move]:
    """One move for each attempt that changed, or whose hold is now settled; in the order of the attempts, so
    that what one leaves is there for the next.
    """
    known = {} if before is None else {attempt.id: attempt for attempt in before.attempts}
    entered = [
        Move(
            attempt=attempt,
            hold=_hold(known.get(attempt.id), attempt),
            settle=_settle(before, after, known.get(attempt.id), attempt),
        )
        for attempt in after.attempts
    ]
    return [move for move in entered if move.settle is not None or known.get(move.attempt.id) != move.attempt]


def _hold(before: Attempt | None, after: Attempt) -> int | None:
    return after.hold_micros if before is None else None


def _settle(before: Job | None, after: Job, known: Attempt | None, attempt: Attempt) -> int | None:
    """The cost, once. While the job goes on, that of its latest attempt waits for the job's next write: that
    may hold for the next attempt, and nobody else must get the money in between. A cost above the hold is
    settled at once: the hold does not keep its place.
    """
    if attempt.cost is None:
        return None
    covered = attempt.cost.micros <= (attempt.quote.ceiling_micros or 0)
    if known is not None and known.cost is not None:
        return attempt.cost.micros if covered and _waits(before, attempt) else None
    return None if covered and _waits(after, attempt) else attempt.cost.micros


def _waits(job: Job | None, attempt: Attempt) -> bool:
    return job is not None and not job.finished and job.attempts[-1].id == attempt.id


HELD_STATES = frozenset(AttemptState) - {
    AttemptState.SETTLED,
    AttemptState.REJECTED,
    AttemptState.FAILED,
    AttemptState.CANCELED,
    AttemptState.EXPIRED,
}
"""States in which an attempt's hold stands."""
