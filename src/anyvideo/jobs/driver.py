"""Waiting for many jobs: a heap of due times around the engine. A waiting job is an entry, not a task."""

from __future__ import annotations

import heapq
import itertools
import logging
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

import anyio
from anyio.abc import TaskGroup

from anyvideo.jobs.engine import Advance, Engine
from anyvideo.jobs.recovery import to_fetch_before
from anyvideo.jobs.slots import Slots
from anyvideo.types.clock import Clock
from anyvideo.types.errors import StillRunning
from anyvideo.types.job import Job

logger = logging.getLogger("anyvideo")
TICK = 1e-6
"""Seconds, as datetimes resolve them; the shortest wait: a shorter one may not move a clock at all."""


@dataclass(slots=True)
class _End:
    """The end of one drive. Who waits for it keeps it, also when the job is driven again meanwhile."""

    come: anyio.Event = field(default_factory=anyio.Event)
    result: Job | Exception | None = None


class Driver:
    """Advances every job that it was given when it is due, a few at a time.

    Finished clips are brought home in slots of their own, `downloads` at once, the first to expire first: a
    long download holds up no poll.
    """

    def __init__(self, engine: Engine, clock: Clock, *, concurrency: int, downloads: int) -> None:
        self._engine = engine
        self._clock = clock
        self._limit = anyio.CapacityLimiter(concurrency)
        self._downloads = Slots(downloads)
        self._heap: list[tuple[float, int, str]] = []
        self._order = itertools.count()
        self._driven: dict[str, datetime | None] = {}
        self._ends: dict[str, _End] = defaultdict(_End)
        self._wake = anyio.Event()
        self._closed = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Drive while the context is open. On leaving, what is being sent is finished first.

        Whoever still waits for a job then gets StillRunning.
        """
        self._closed = False
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._run, tasks)
                try:
                    yield
                finally:
                    tasks.cancel_scope.cancel()
        finally:
            self._closed = True
            self._heap.clear()
            for job_id in [*self._driven]:
                self._end(job_id, _left(job_id))

    def drive(self, job: Job) -> None:
        """Take a job in; it is due at once."""
        if self._closed:
            self._end(job.id, _left(job.id))
        elif job.id not in self._driven:
            self._driven[job.id] = to_fetch_before(job)
            self._ends[job.id] = _End()
            self._push(job.id, self._clock.now())

    def hurry(self, job_id: str) -> None:
        """Something changed: look at a driven job at once."""
        if any(entry[2] == job_id for entry in self._heap):
            self._heap = [entry for entry in self._heap if entry[2] != job_id]
            heapq.heapify(self._heap)
            self._push(job_id, self._clock.now())

    async def ended(self, job_id: str) -> Job:
        """Wait until nothing more happens to the job by itself. Raises what stopped the driving."""
        end = self._ends[job_id]
        await end.come.wait()
        if isinstance(end.result, Exception):
            raise end.result
        assert end.result is not None, "an end has come with its result"
        return end.result

    def _push(self, job_id: str, due: datetime) -> None:
        """By monotonic time: a wall clock that is set moves no job that is in the heap."""
        moment = self._clock.monotonic() + (due - self._clock.now()).total_seconds()
        heapq.heappush(self._heap, (moment, next(self._order), job_id))
        self._wake.set()

    async def _run(self, tasks: TaskGroup) -> None:
        while True:
            self._wake = anyio.Event()
            while self._heap and self._heap[0][0] <= self._clock.monotonic():
                _, _, job_id = heapq.heappop(self._heap)
                tasks.start_soon(self._advance, job_id)
            await self._until_next()

    async def _until_next(self) -> None:
        if not self._heap:
            await self._wake.wait()
            return
        delay = max(self._heap[0][0] - self._clock.monotonic(), TICK)
        async with anyio.create_task_group() as race:
            race.start_soon(self._alarm, delay, race.cancel_scope)
            await self._wake.wait()
            race.cancel_scope.cancel()

    async def _alarm(self, delay: float, scope: anyio.CancelScope) -> None:
        await self._clock.sleep(delay)
        scope.cancel()

    async def _advance(self, job_id: str) -> None:
        with self._clock.working():
            async with self._slot(job_id):
                try:
                    step = await self._engine.advance(job_id)
                except Exception as error:
                    logger.debug("driving job %s stopped: %s", job_id, type(error).__name__)
                    self._end(job_id, error)
                    return
            self._after(step)

    def _slot(self, job_id: str) -> AbstractAsyncContextManager[None]:
        expiry = self._driven.get(job_id)
        return self._limit if expiry is None else self._downloads.taken(expiry)

    def _after(self, step: Advance) -> None:
        if step.problem is not None:
            self._tell(step.job.id, step.problem)
        if step.due is None:
            self._end(step.job.id, step.job)
        else:
            self._driven[step.job.id] = to_fetch_before(step.job)
            self._push(step.job.id, step.due)

    def _tell(self, job_id: str, problem: StillRunning) -> None:
        """End the waiting, and drive on."""
        told, self._ends[job_id] = self._ends[job_id], _End()
        told.result = problem
        told.come.set()

    def _end(self, job_id: str, result: Job | Exception) -> None:
        self._driven.pop(job_id, None)
        self._ends[job_id].result = result
        self._ends[job_id].come.set()


def _left(job_id: str) -> StillRunning:
    return StillRunning(
        f"the client was closed; job {job_id} goes on",
        job_id=job_id,
        hint=f"go on with: anyvideo resume {job_id}",
    )
