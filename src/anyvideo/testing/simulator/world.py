"""Everything a running simulator knows: time, jobs, faults, the ledger, outputs, who called."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from anyvideo.testing.simulator.clips import ClipFolder
from anyvideo.testing.simulator.clock import Clock, SystemClock
from anyvideo.testing.simulator.faults import FaultBoard
from anyvideo.testing.simulator.jobs import QUEUED_SHARE, Ending, Job, JobTimes, Phase
from anyvideo.testing.simulator.ledger import Charge, Ledger
from anyvideo.testing.simulator.vendor import Offer, SimulatedVendor
from anyvideo.testing.simulator.wire import HangUp, bearer, origin

if TYPE_CHECKING:
    from pathlib import Path

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request that reached a vendor's path; the query and the key are not kept."""

    method: str
    path: str
    vendor: str
    authorized: bool


@dataclass(slots=True, kw_only=True)
class OutputLink:
    """A URL that was handed out for a job's output; a `fresh` one that `expired` never works again."""

    job: Job
    since: datetime
    fresh: bool = False
    expired: bool = False


@dataclass(slots=True, kw_only=True)
class World:
    """The state of one simulator. `hang_up` is set by the server that can close connections."""

    vendors: Sequence[SimulatedVendor]
    clock: Clock = field(default_factory=SystemClock)
    ledger: Ledger = field(default_factory=Ledger)
    times: JobTimes = field(default_factory=JobTimes)
    clips: ClipFolder = field(default_factory=ClipFolder)
    jobs: dict[str, Job] = field(default_factory=dict)
    links: dict[str, OutputLink] = field(default_factory=dict)
    requests: list[Seen] = field(default_factory=list)
    leaks: list[Seen] = field(default_factory=list)
    hang_up: HangUp | None = None
    faults: FaultBoard = field(init=False)
    _encoding: set[asyncio.Task[Path]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.faults = FaultBoard(vendor.name for vendor in self.vendors)

    def accept(self, vendor: SimulatedVendor, model: str, offer: Offer) -> Job:
        """Start a job and write its line in the ledger, under the job faults in force."""
        fault = self.faults.take(vendor.name, model, "job")
        ending = Ending()
        if fault is not None and fault.name != "long_queue":
            ending = Ending(fault="stuck") if fault.name == "stuck" else vendor.ending(fault)
        whole = self.times.draw()
        extra = fault.seconds(30.0) if fault is not None and fault.name == "long_queue" else 0.0
        queued_for, runs_for = whole * QUEUED_SHARE + extra, whole * (1 - QUEUED_SHARE)
        job = Job(
            id=offer.id,
            provider=vendor.name,
            model=model,
            created_at=self.clock.now(),
            created=self.clock.monotonic(),
            queued_for=queued_for,
            runs_for=runs_for,
            clip=offer.clip,
            request=offer.request,
            ending=ending,
            deadline=_deadline(offer, queued_for, runs_for),
            facts={**offer.facts, "long_queue": bool(extra)},
        )
        self.ledger.write(job, vendor.bill)
        self.jobs[job.id] = job
        if ending.fault is None:
            self._encode_ahead(job)
        return job

    def job(self, vendor: SimulatedVendor, job_id: str) -> Job | None:
        """The vendor's job of that id, None when unknown or deleted."""
        job = self.jobs.get(job_id)
        return job if job is not None and job.provider == vendor.name and not job.deleted else None

    def jobs_of(self, vendor: SimulatedVendor) -> list[Job]:
        """The vendor's jobs that are not deleted, newest first."""
        return [
            job for job in reversed(self.jobs.values()) if job.provider == vendor.name and not job.deleted
        ]

    def phase(self, job: Job) -> Phase:
        """Where a job stands now."""
        return job.phase(self.elapsed(job))

    def elapsed(self, job: Job) -> float:
        """Seconds since a job was accepted."""
        return self.clock.monotonic() - job.created

    def stop(self, job: Job) -> bool:
        """Cancel a job now; False when it had already ended."""
        if self.phase(job).terminal:
            return False
        job.stopped = self.elapsed(job)
        return True

    def charges(self) -> list[Charge]:
        """The ledger as it stands."""
        return self.ledger.charges(self.clock.monotonic())

    def output_url(self, request: Request, job: Job, *, fresh: bool = False) -> str:
        """The URL of a job's file on this server; `fresh` hands out a new one each time."""
        token = uuid.uuid4().hex if fresh else job.id
        if token not in self.links:
            ended = self.phase(job).ended or 0.0
            since = self.clock.now() if fresh else job.moment(ended)
            self.links[token] = OutputLink(job=job, since=since, fresh=fresh)
        return f"{origin(request)}/{job.provider}/outputs/{token}.mp4"

    def guard(self, vendor: SimulatedVendor, handler: Handler) -> Handler:
        """Let a handler answer only requests that carry a key."""

        async def guarded(request: Request) -> Response:
            if not bearer(request):
                return vendor.refuse("unauthorized", None, {})
            fault = self.faults.take(vendor.name, None, "call")
            if fault is not None:
                return vendor.refuse(fault.name, None, fault.params)
            return await handler(request)

        return guarded

    def _encode_ahead(self, job: Job) -> None:
        task = asyncio.get_running_loop().create_task(self.clips.file(job.clip))
        self._encoding.add(task)
        task.add_done_callback(self._encoding.discard)

    def close(self) -> None:
        """Remove the files."""
        self.clips.close()


def _deadline(offer: Offer, queued_for: float, runs_for: float) -> float | None:
    if offer.runs_out is None or offer.runs_out >= 1:
        return offer.deadline
    out = queued_for + runs_for * offer.runs_out
    return out if offer.deadline is None else min(out, offer.deadline)
