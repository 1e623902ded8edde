"""Running a batch: a few clips at a time, each through its own tries, over the one driver that waits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio

from anyvideo.jobs.batch import (
    Piece,
    begins_anew,
    booked,
    held_error,
    to_repeat,
    try_id,
    try_key,
    wait_before,
)
from anyvideo.jobs.gauge import Gauge
from anyvideo.jobs.outcome import delivered
from anyvideo.jobs.store.base import Store
from anyvideo.types.batch import ClipResult
from anyvideo.types.budget import Budget
from anyvideo.types.clock import Clock
from anyvideo.types.errors import BudgetExceeded, JobError, NoModelFits, StoreError
from anyvideo.types.job import Job
from anyvideo.types.states import AttemptState, JobStatus
from anyvideo.types.video import Video

Buy = Callable[[Piece, str, str, tuple[str, ...]], Awaitable[Job]]
"""Records a try of a clip under a job id and an idempotency key, with these models (none: the clip's own)."""

Follow = Callable[[str], Awaitable[Job]]
"""Drives a job until nothing more happens by itself. Raises StillRunning, and what stopped the driving."""


@dataclass(slots=True, kw_only=True)
class Crew:
    """Buys the clips of one batch. `grown` is called when `gauge` has."""

    pieces: Sequence[Piece]
    gauge: Gauge
    buy: Buy
    follow: Follow
    nothing_fits: Callable[[Piece], NoModelFits]
    grown: Callable[[], None]
    store: Store
    clock: Clock
    concurrency: int
    tries: int
    budget: Budget | None = None
    _under_way: int = 0
    _moved: anyio.Event = field(default_factory=anyio.Event)
    _results: dict[int, ClipResult] = field(default_factory=dict)

    async def run(self) -> tuple[ClipResult, ...]:
        """One result for each clip, in their order. What is under way at the vendors comes first."""
        queue = iter(sorted(self.pieces, key=lambda piece: piece.to_buy))
        async with anyio.create_task_group() as workers:
            for _ in range(min(self.concurrency, len(self.pieces))):
                workers.start_soon(self._work, queue)
        return tuple(self._results[piece.index] for piece in self.pieces)

    async def _work(self, queue: Iterator[Piece]) -> None:
        for piece in queue:
            self._results[piece.index] = await self._clip(piece)
            if self.gauge.ended(piece.index):
                self.grown()

    async def _clip(self, piece: Piece) -> ClipResult:
        jobs = [*piece.jobs]
        for job in jobs:
            self.gauge.owners[job.id] = piece.index
        try:
            return await self._tried(piece, jobs)
        except Exception as error:
            return _failed(piece, await self._as_they_stand(jobs), error)

    async def _tried(self, piece: Piece, jobs: list[Job]) -> ClipResult:
        """The clip's tries, until one delivers or nothing may be repeated. `jobs` grows with them."""
        models: tuple[str, ...] = ()
        if jobs and booked(jobs[-1]):
            jobs[-1] = await self._ended(jobs[-1].id)
        for number in range(1, self.tries + 1):
            if number > 1:
                await self.clock.sleep(wait_before(number))
            if number > 1 or begins_anew(jobs):
                jobs.append(await self._bought(piece, len(jobs) + 1, models))
            jobs[-1] = await self._ended(jobs[-1].id)
            if jobs[-1].status is JobStatus.SUCCEEDED:
                return _done(piece, jobs)
            models = to_repeat(jobs[-1])
            if not models or held_error(jobs) or piece.unread:
                break
        return _failed(piece, jobs, held_error(jobs) or _ending(jobs[-1]))

    async def _bought(self, piece: Piece, number: int, models: tuple[str, ...]) -> Job:
        """A recorded try. While others of the batch hold the money that it needs, it waits for them."""
        if piece.unread is not None:
            raise piece.unread
        if piece.first is None:
            raise self.nothing_fits(piece)
        batch_id = self.gauge.batch_id
        job_id, key = try_id(batch_id, piece.index, number), try_key(batch_id, piece.index, number)
        self.gauge.owners[job_id] = piece.index
        while True:
            await self._room(piece)
            try:
                with self._busy():
                    return await self.buy(piece, job_id, key, models)
            except BudgetExceeded:
                if not self._under_way:
                    raise
            await self._moved.wait()

    async def _room(self, piece: Piece) -> None:
        """Wait until the budget has room for the clip's first choice, or nothing that holds any is left."""
        while self._under_way:
            moved = self._moved
            if await self._has_room(piece):
                return
            await moved.wait()

    async def _has_room(self, piece: Piece) -> bool:
        if self.budget is None or piece.first is None:
            return True
        [used] = await self.store.used([self.budget], self.clock.now())
        ceiling = piece.first.quote.ceiling_micros or 0
        return used.held_micros + used.spent_micros + ceiling <= self.budget.limit_micros

    async def _ended(self, job_id: str) -> Job:
        with self._busy():
            return await self.follow(job_id)

    @contextmanager
    def _busy(self) -> Iterator[None]:
        """While money may be held; whoever waits for some looks again afterwards."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            moved, self._moved = self._moved, anyio.Event()
            moved.set()

    async def _as_they_stand(self, jobs: Sequence[Job]) -> list[Job]:
        try:
            return [await self.store.load(job.id) for job in jobs]
        except StoreError:
            return [*jobs]


def _ending(job: Job) -> Exception:
    try:
        delivered(job)
    except JobError as error:
        return error
    raise AssertionError("a job that delivered has no error")


def _done(piece: Piece, jobs: Sequence[Job]) -> ClipResult:
    video = delivered(jobs[-1])
    return _result(piece, jobs, video=video)


def _failed(piece: Piece, jobs: Sequence[Job], error: Exception) -> ClipResult:
    return _result(piece, jobs, error=error)


def _result(
    piece: Piece, jobs: Sequence[Job], *, video: Video | None = None, error: Exception | None = None
) -> ClipResult:
    latest = jobs[-1] if jobs else None
    asked = piece.wish.request.duration
    fitted = latest.attempt.fit.duration if latest is not None and latest.attempt is not None else None
    return ClipResult(
        index=piece.index,
        prompt=piece.wish.request.prompt,
        video=video,
        error=error,
        job_ids=tuple(job.id for job in jobs),
        attempts=tuple(attempt for job in jobs for attempt in job.attempts),
        target_duration=asked if asked is not None else fitted,
        generation_time=None if latest is None else _generation_time(latest),
    )


def _generation_time(job: Job) -> float | None:
    """Seconds from the job's first attempt to its file."""
    last = job.attempt
    if last is None or last.state is not AttemptState.SETTLED or last.finished_at is None:
        return None
    return (last.finished_at - job.attempts[0].created_at).total_seconds()
