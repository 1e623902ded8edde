"""What happened to a job, write by write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from anyvideo.types.job import Attempt, Failure, Job

WORDS: Final[Mapping[str, str]] = {
    "W1": "recorded",
    "W2": "about to be sent",
    "W3": "accepted",
    "W4": "the clip is ready at the vendor",
    "W5": "the clip is here",
    "W6": "settled",
    "held": "not taken, to be sent again",
    "running": "under way",
    "downloading": "downloading",
    "output_ready": "the clip is ready at the vendor",
    "unknown": "nobody can tell whether it was taken",
    "takeover": "taken over with another key",
}
"""What a write means; an end is called by its state."""


def why(failure: Failure) -> str:
    """A failure in words; a cancel is not one."""
    canceled = failure.stage == "cancel" and failure.kind == "GenerationFailed"
    return failure.message if canceled else f"{failure.kind}: {failure.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One write of one attempt, in words. `last` marks the latest write of its attempt."""

    at: datetime
    attempt: Attempt
    write: str
    last: bool

    @property
    def words(self) -> str:
        """What happened, with the money that it moved."""
        attempt, what = self.attempt, WORDS.get(self.write, self.write)
        if self.write == "W1":
            held = attempt.quote.ceiling
            return f"{what}, no price known" if held is None else f"{what}, {held:f} USD set aside"
        if self.write == "W3" and attempt.ref is not None:
            return f"{what} as {attempt.ref.job_id}"
        if not self.last:
            return what
        reason = f": {why(attempt.failure)}" if attempt.failure else ""
        cost = f", cost {attempt.cost}" if attempt.cost else ""
        return f"{what}{reason}{cost}"


def steps(job: Job) -> Iterator[Step]:
    """Every write of every attempt, in the order in which they were tried."""
    for attempt in job.attempts:
        for write in attempt.writes:
            last = write is attempt.writes[-1]
            yield Step(at=write.at, attempt=attempt, write=write.name, last=last)
