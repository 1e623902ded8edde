"""What the engine asks of a durable record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from anyvideo.types.job import Account, Job
from anyvideo.types.request import Image
from anyvideo.types.states import JobStatus

OPEN_STATUSES = (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to drive one job until `until` (UTC). Every write carries `epoch`: a stale one is refused."""

    job_id: str
    owner: str
    epoch: int
    until: datetime


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

    async def create(self, job: Job) -> Job:
        """W1: record a new job. Raises InvalidRequest when its id is taken."""
        ...

    async def load(self, job_id: str) -> Job:
        """The job as it stands."""
        ...

    async def list(self, *, statuses: Sequence[JobStatus] | None = None, limit: int = 100) -> list[Job]:
        """Jobs, newest first."""
        ...

    async def lease(self, job_id: str, *, owner: str, now: datetime, seconds: float) -> Lease | None:
        """Take or renew the right to drive the job; None while another owner has it."""
        ...

    async def release(self, lease: Lease) -> None:
        """Give the right back."""
        ...

    async def write(self, lease: Lease, job: Job) -> Job:
        """Replace the job if nobody else did since it was loaded under this lease."""
        ...

    async def request_cancel(self, job_id: str) -> Job:
        """Ask whoever drives the job to cancel it."""
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
