"""One turn at driving a job: the lease, the job as it stands, and the only way to write it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from anyvideo.catalog.spec import ModelSpec
from anyvideo.jobs.points import WRITES, point
from anyvideo.jobs.schedule import poll_interval
from anyvideo.jobs.store.base import Lease, Store, Written
from anyvideo.net.sanitize import without_queries
from anyvideo.types.budget import Threshold
from anyvideo.types.clock import Clock
from anyvideo.types.events import Event, EventKind
from anyvideo.types.job import Attempt, Failure, Job
from anyvideo.types.money import dollars
from anyvideo.types.states import AttemptState, JobStatus

Tell = Callable[[Event], None]

_STATUS_BY_STATE = {
    AttemptState.CREATED: JobStatus.QUEUED,
    AttemptState.HELD: JobStatus.QUEUED,
    AttemptState.SENDING: JobStatus.QUEUED,
    AttemptState.ACCEPTED: JobStatus.QUEUED,
    AttemptState.UNKNOWN: JobStatus.UNKNOWN,
    AttemptState.SETTLED: JobStatus.SUCCEEDED,
}


def status_of(attempt: Attempt | None) -> JobStatus:
    """A job's status while its latest attempt stands so; an ended attempt leaves it running."""
    return JobStatus.QUEUED if attempt is None else _STATUS_BY_STATE.get(attempt.state, JobStatus.RUNNING)


def passed(threshold: Threshold) -> str:
    """A threshold in words."""
    used, limit = dollars(threshold.used_micros), dollars(threshold.limit_micros)
    return f"{threshold.percent} % of the {threshold.scope} budget is used: {used} of {limit} USD"


def shown(failure: Failure | None) -> Failure | None:
    """A failure as it may be kept and told: a vendor's words may repeat an address that is a secret."""
    return failure and replace(failure, message=without_queries(failure.message))


def _new_writes(job: Job, attempt: Attempt) -> list[str]:
    before = next((known.writes for known in job.attempts if known.id == attempt.id), ())
    names = [write.name for write in attempt.writes[len(before) :]]
    return [name for name in names if name in (*WRITES, "unknown", "takeover")]


@dataclass(slots=True)
class Turn:
    """Holds the lease while one piece of work is done. Every save is one compare-and-set transaction.

    `send_deadline` is how long after W2 the first byte may still leave.
    """

    store: Store
    clock: Clock
    tell: Tell
    lease: Lease
    job: Job
    poll_bounds: tuple[float, float] = (1.0, 30.0)
    send_deadline: timedelta = timedelta(seconds=5)

    @property
    def attempt(self) -> Attempt:
        """The attempt under way."""
        return self.job.attempts[-1]

    async def save(self, attempt: Attempt, **changes: Any) -> None:
        """Write the latest attempt, and with it what else changed of the job.

        Raises StaleWrite, and BudgetExceeded when the hold of a new attempt does not fit.
        """
        names = _new_writes(self.job, attempt)
        after = self._with(attempt, changes)
        for name in names:
            point(f"{name}.before")
        self._took(await self.store.write(self.lease, self.job, after, now=self.clock.now()))
        for name in names:
            point(f"{name}.after")

    async def adopt(self, attempt: Attempt) -> bool:
        """`save`, unless another attempt has the vendor's job that this one claims."""
        names, after = _new_writes(self.job, attempt), self._with(attempt, {})
        for name in names:
            point(f"{name}.before")
        written = await self.store.adopt(self.lease, self.job, after, now=self.clock.now())
        if written is None:
            return False
        self._took(written)
        for name in names:
            point(f"{name}.after")
        return True

    @contextmanager
    def following(self, earlier: Attempt) -> Iterator[bool]:
        """Follow an earlier attempt, whose job at the vendor is known now, instead of the latest, of which
        nobody knows whether it was taken. False where the latest is under way or has ended.

        What is not written while it lasts is as before.
        """
        before = self.job
        latest = earlier.id == self.attempt.id
        if latest or self.job.finished or self.attempt.state is not AttemptState.UNKNOWN:
            yield latest and not self.job.finished
            return
        others = (one for one in before.attempts if one.id != earlier.id)
        self.job = moved_last = replace(before, attempts=(*others, earlier))
        yield True
        if self.job is moved_last:
            self.job = before

    async def end(self, status: JobStatus, *, failure: Failure | None, left_out: Sequence[str] = ()) -> None:
        """Write how the job ended, and tell. `left_out`: which models could not follow the last, and why."""
        attempts = self.job.attempts
        if failure is not None and left_out:
            message = f"{failure.message}; nothing followed: {'; '.join(left_out)}"
            failure = replace(failure, message=message)
            attempts = (*attempts[:-1], replace(attempts[-1], failure=failure))
        after = replace(self.job, status=status, failure=failure, attempts=attempts)
        self._took(await self.store.write(self.lease, self.job, after, now=self.clock.now()))
        self.say(EventKind.JOB_ENDED, message=status.value, cost=self.job.cost)

    async def begin_cancel(self) -> bool:
        """Write that the caller's cancel is carried out now: from here on it cannot be taken back.

        False: it was taken back before, and nothing may be canceled.
        """
        if self.attempt.canceling != "caller":
            await self.save(replace(self.attempt, canceling="caller"))
        if self.job.cancel_requested:
            return True
        await self.save(replace(self.attempt, canceling=None))
        return False

    def _with(self, attempt: Attempt, changes: Mapping[str, Any]) -> Job:
        told = replace(attempt, failure=shown(attempt.failure))
        known = {**{other.id: other for other in self.job.attempts}, told.id: told}
        attempts = tuple(known.values())
        status = self.job.status if self.job.finished else status_of(attempts[-1])
        return replace(self.job, **{"attempts": attempts, "status": status, **changes})

    def _took(self, written: Written) -> None:
        self.job = written.job
        for threshold in written.thresholds:
            self.say(EventKind.BUDGET_THRESHOLD, threshold=threshold, message=passed(threshold))

    def next_poll(self, spec: ModelSpec) -> datetime:
        """When to ask the vendor again."""
        wait = poll_interval(spec, fixed=self.job.options.poll_interval, bounds=self.poll_bounds)
        return self.clock.now() + timedelta(seconds=wait)

    def say(self, kind: EventKind, **details: Any) -> None:
        """Tell what happened to the attempt under way."""
        attempt = self.job.attempt
        about: dict[str, Any] = {}
        if attempt is not None:
            about = {
                "model": attempt.model,
                "state": attempt.state.value,
                "native": attempt.native,
                "progress": attempt.progress,
            }
        for name, cut in (("message", without_queries), ("failure", shown)):
            if details.get(name) is not None:
                details[name] = cut(details[name])
        event = Event(
            id=secrets.token_hex(8),
            kind=kind,
            job_id=self.job.id,
            at=self.clock.now(),
            **{**about, **details},
        )
        self.tell(event)
