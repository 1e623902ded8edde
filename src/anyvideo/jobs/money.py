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
    """One move for each attempt that changed."""
    known = {} if before is None else {attempt.id: attempt for attempt in before.attempts}
    return [
        Move(
            attempt=attempt,
            hold=_hold(known.get(attempt.id), attempt),
            settle=_settle(known.get(attempt.id), attempt),
        )
        for attempt in after.attempts
        if known.get(attempt.id) != attempt
    ]


def _hold(before: Attempt | None, after: Attempt) -> int | None:
    return after.hold_micros if before is None else None


def _settle(before: Attempt | None, after: Attempt) -> int | None:
    """The cost when it becomes known; it is settled once."""
    if after.cost is None or (before is not None and before.cost is not None):
        return None
    return after.cost.micros


HELD_STATES = frozenset(AttemptState) - {
    AttemptState.SETTLED,
    AttemptState.REJECTED,
    AttemptState.FAILED,
    AttemptState.CANCELED,
    AttemptState.EXPIRED,
}
"""States in which an attempt's hold stands."""
