"""What the engine asks of a durable record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from anyvideo.types.budget import Budget, Threshold
from anyvideo.types.job import Account, Attempt, Job
from anyvideo.types.money import CostBasis
from anyvideo.types.request import Image
from anyvideo.types.states import AttemptState, JobStatus

OPEN_STATUSES = (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to drive one job until `until` (UTC). Every write carries `epoch`: a stale one is refused."""

    job_id: str
    owner: str
    epoch: int
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A job as it was written, and the budgets that have just passed a threshold.

    `known` is True where nothing was written: an earlier call had recorded the job.
    """

    job: Job
    thresholds: tuple[Threshold, ...] = ()
    known: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """An attempt that was sent and whose fate nobody knows yet. `driver` holds its job's lease, if any."""

    attempt: Attempt
    driver: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One attempt in the books. Money in micro-dollars, `day` in UTC; `cost_micros` None: not settled."""

    job_id: str
    attempt_id: str
    provider: str
    model: str
    day: str
    state: AttemptState
    hold_micros: int
    cost_micros: int | None
    basis: CostBasis | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What a budget's scope has used in the current period, in micro-dollars."""

    budget: Budget
    held_micros: int
    spent_micros: int


class Store(Protocol):
    """Each method is one transaction. Raises JobNotFound, StaleWrite or StoreError."""

    @property
    def folder(self) -> Path:
        """Where inputs and videos lie, beside the record."""
        ...

    async def open(self) -> None:
        """Make it ready. Raises StoreError where it cannot be used."""
        ...

    async def aclose(self) -> None:
        """Let go of everything."""
        ...

    async def create(self, job: Job, *, idempotency_key: str | None = None) -> Written:
        """W1: record a new job and hold its first attempt's money, or nothing at all.

        With a key that is taken, the job that has it comes back. Raises BudgetExceeded, and InvalidRequest
        when the id is taken.
        """
        ...

    async def load(self, job_id: str) -> Job:
        """The job as it stands."""
        ...

    async def jobs(
        self, *, statuses: Sequence[JobStatus] | None = None, undecided: bool = False, limit: int = 100
    ) -> list[Job]:
        """Jobs of these statuses, newest first; `undecided` adds those with an attempt of unknown fate, also
        where the job has ended.
        """
        ...

    async def with_key(self, idempotency_key: str) -> Job | None:
        """The job that was recorded under the key."""
        ...

    async def keyed(self, prefix: str) -> dict[str, Job]:
        """Jobs by their idempotency keys, those that begin with `prefix`."""
        ...

    async def finished_like(self, fingerprint: str) -> list[Job]:
        """Jobs that delivered a clip of this fingerprint, newest first."""
        ...

    async def lease(self, job_id: str, *, owner: str, now: datetime, seconds: float) -> Lease | None:
        """Take or renew the right to drive the job; None while another owner has it."""
        ...

    async def release(self, lease: Lease) -> None:
        """Give the right back."""
        ...

    async def holder(self, job_id: str) -> str | None:
        """Who has the lease, if anybody."""
        ...

    async def free(self, job_id: str, holder: str) -> None:
        """Take the lease from a holder that is known to be dead."""
        ...

    async def write(self, lease: Lease, before: Job, after: Job, *, now: datetime) -> Written:
        """Replace the job if nobody else did since, and move the money of its attempts with it.

        Raises BudgetExceeded when a new attempt's hold does not fit: nothing is written then.
        """
        ...

    async def adopt(self, lease: Lease, before: Job, after: Job, *, now: datetime) -> Written | None:
        """`write`, unless another attempt has the vendor's job that the one changed attempt now claims."""
        ...

    async def owned(self, account: Account, provider_job_ids: Sequence[str]) -> set[str]:
        """Which of a vendor's jobs belong to attempts of this store."""
        ...

    async def owner(self, account: Account, provider_job_id: str) -> Attempt | None:
        """The first attempt of this store that has a vendor's job."""
        ...

    async def rivals(self, attempt: Attempt, *, now: datetime) -> list[Rival]:
        """Other attempts, of whatever key, that a vendor's list may not tell from this one.

        With a picture those are all of its model; without one those that ask for exactly the same.
        """
        ...

    async def request_cancel(self, job_id: str) -> Job:
        """Ask whoever drives the job to cancel it."""
        ...

    async def withdraw_cancel(self, job_id: str) -> Job:
        """Take back what `request_cancel` asked, unless the job has ended or its cancel has been begun."""
        ...

    async def lines(self) -> list[Line]:
        """The books, one line for each attempt, oldest first."""
        ...

    async def used(self, budgets: Sequence[Budget], now: datetime) -> list[Used]:
        """What these budgets' scopes have used."""
        ...

    async def keep_input(self, image: Image) -> Image:
        """Copy content beside the record, named by its hash; addresses come back unchanged."""
        ...

    async def remember_unavailable(
        self, account: Account, model: str, *, until: datetime, reason: str
    ) -> None:
        """Keep for a while that a model does not work for an account."""
        ...

    async def unavailable(self, now: datetime) -> dict[tuple[Account, str], str]:
        """Which models do not work for which accounts now, and why."""
        ...

    async def forget_unavailable(self, model: str | None = None) -> int:
        """Drop what is remembered, of one model or of all; says how many."""
        ...
