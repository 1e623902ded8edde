"""Handles of jobs that vendors took while the store could not be written: kept until it can."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

from anyvideo.jobs.backends import Backends
from anyvideo.jobs.reconcile import as_accepted
from anyvideo.jobs.submit import TakenUnwritten, claim
from anyvideo.jobs.turn import Turn
from anyvideo.provider import Found
from anyvideo.types.clock import Clock
from anyvideo.types.errors import StillRunning, StoreError
from anyvideo.types.events import EventKind
from anyvideo.types.states import AttemptState

logger = logging.getLogger("anyvideo")

TELL_AFTER = 30.0
"""Seconds for which a full disk is only logged: whoever waits then still gets the clip."""


class Handles:
    """What one process has in memory alone, by job id."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._taken: dict[str, TakenUnwritten] = {}
        self._since: dict[str, float] = {}

    def __iter__(self) -> Iterator[str]:
        return iter([*self._taken])

    def get(self, job_id: str) -> TakenUnwritten | None:
        """What the vendor took and the store does not know; None: nothing."""
        return self._taken.get(job_id)

    def keep(self, taken: TakenUnwritten) -> None:
        """W3 failed."""
        self._taken[taken.job.id] = taken
        self._since[taken.job.id] = self._clock.monotonic()

    async def write(self, turn: Turn, backends: Backends) -> None:
        """Write the handle that an earlier step could not: the store was full, or another process drove."""
        taken = self._taken.get(turn.job.id)
        if taken is None:
            return
        ref, update = taken.submission.ref, taken.submission.update
        sent = next(known for known in turn.job.attempts if known.id == taken.job.attempts[-1].id)
        undecided = sent.state in (AttemptState.SENDING, AttemptState.UNKNOWN)
        now, spec = self._clock.now(), backends.spec(sent.model)
        found = Found(ref=ref, update=update, created_at=now, inputs={})
        with turn.following(sent) as followed:
            own = undecided and followed and await claim(turn, as_accepted(sent, found, spec, now))
        if own:
            turn.say(EventKind.ATTEMPT_ACCEPTED)
        elif sent.ref is None:
            kept = await turn.adopt(replace(sent, ref=ref))
            how = "the job went on without it" if kept else "another purchase has it"
            message = f"{sent.provider} had taken {sent.model} as {ref.job_id}: {how}"
            logger.warning("job %s: %s", turn.job.id, message)
            turn.say(EventKind.TROUBLE, message=message)
        del self._taken[turn.job.id], self._since[turn.job.id]

    def overdue(self, job_id: str) -> bool:
        """Whether writing has failed for so long that whoever waits must know."""
        return self._clock.monotonic() >= self._since[job_id] + TELL_AFTER

    def problem(self, job_id: str, why: StoreError) -> StillRunning:
        """What stands in the way, with the vendor's name of the job: it is written down nowhere else."""
        taken = self._taken[job_id]
        provider, vendors_id = taken.job.attempts[-1].provider, taken.submission.ref.job_id
        return StillRunning(
            f"job {job_id} was taken by {provider} as {vendors_id}, which is not written down yet:"
            f" {why.message}",
            job_id=job_id,
            hint="make the store writable; if this process ends before it is, go on with:"
            f" anyvideo resume {job_id}, and where that cannot tell:"
            f" anyvideo jobs resolve {job_id} --provider-job {vendors_id}",
        ).bought(provider, vendors_id)
