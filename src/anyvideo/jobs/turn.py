"""One turn at driving a job: the lease, the job as it stands, and the only way to write it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from anyvideo.jobs.store.base import Lease, Store
from anyvideo.types.clock import Clock
from anyvideo.types.events import Event, EventKind
from anyvideo.types.job import Attempt, Job
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


@dataclass(slots=True)
class Turn:
    """Holds the lease while one piece of work is done. Every save is one compare-and-set transaction."""

    store: Store
    clock: Clock
    tell: Tell
    lease: Lease
    job: Job

    @property
    def attempt(self) -> Attempt:
        """The attempt under way."""
        return self.job.attempts[-1]

    async def save(self, attempt: Attempt, **changes: Any) -> None:
        """Write the latest attempt, and with it what else changed of the job. Raises StaleWrite."""
        known = [other for other in self.job.attempts if other.id != attempt.id]
        changed = replace(
            self.job, **{"attempts": (*known, attempt), "status": status_of(attempt), **changes}
        )
        self.job = await self.store.write(self.lease, changed)

    async def end(self, status: JobStatus, **changes: Any) -> None:
        """Write how the job ended, and tell."""
        self.job = await self.store.write(self.lease, replace(self.job, status=status, **changes))
        self.say(EventKind.JOB_ENDED, message=status.value)

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
        event = Event(
            id=secrets.token_hex(8), kind=kind, job_id=self.job.id, at=self.clock.now(), **{**about, **details}
        )
        self.tell(event)
