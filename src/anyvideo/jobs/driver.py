"""Waiting for many jobs: a heap of due times around the engine. A waiting job is an entry, not a task."""

from __future__ import annotations

import heapq
import itertools
import logging
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import anyio
from anyio.abc import TaskGroup

from anyvideo.jobs.engine import Advance, Engine
from anyvideo.types.clock import Clock
from anyvideo.types.job import Job

logger = logging.getLogger("anyvideo")


class Driver:
    """Advances every job that it was given when it is due, a few at a time."""

    def __init__(self, engine: Engine, clock: Clock, *, concurrency: int) -> None:
        self._engine = engine
        self._clock = clock
        self._limit = anyio.CapacityLimiter(concurrency)
        self._heap: list[tuple[datetime, int, str]] = []
        self._order = itertools.count()
        self._driven: set[str] = set()
        self._results: dict[str, Job | Exception] = {}
        self._ended: dict[str, anyio.Event] = defaultdict(anyio.Event)
        self._wake = anyio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Drive while the context is open. On leaving, what is being sent is finished first."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._run, tasks)
            try:
                yield
            finally:
                tasks.cancel_scope.cancel()

    def drive(self, job_id: str) -> None:
        """Take a job in; it is due at once."""
        if job_id not in self._driven:
            self._driven.add(job_id)
            self._results.pop(job_id, None)
            self._ended.pop(job_id, None)
            self._push(job_id, self._clock.now())

    def hurry(self, job_id: str) -> None:
        """Something changed: look at a driven job at once."""
        if any(entry[2] == job_id for entry in self._heap):
            self._heap = [entry for entry in self._heap if entry[2] != job_id]
            heapq.heapify(self._heap)
            self._push(job_id, self._clock.now())

    async def ended(self, job_id: str) -> Job:
        """Wait until nothing more happens to the job by itself. Raises what stopped the driving."""
        if job_id in self._driven:
            await self._ended[job_id].wait()
        result = self._results[job_id]
        if isinstance(result, Exception):
            raise result
        return result

    def _push(self, job_id: str, due: datetime) -> None:
        heapq.heappush(self._heap, (due, next(self._order), job_id))
        self._wake.set()

    async def _run(self, tasks: TaskGroup) -> None:
        while True:
            self._wake = anyio.Event()
            while self._heap and self._heap[0][0] <= self._clock.now():
                _, _, job_id = heapq.heappop(self._heap)
                tasks.start_soon(self._advance, job_id)
            await self._until_next()

    async def _until_next(self) -> None:
        if not self._heap:
            await self._wake.wait()
            return
        delay = (self._heap[0][0] - self._clock.now()).total_seconds()
        async with anyio.create_task_group() as race:
            race.start_soon(self._alarm, delay, race.cancel_scope)
            await self._wake.wait()
            race.cancel_scope.cancel()

    async def _alarm(self, delay: float, scope: anyio.CancelScope) -> None:
        await self._clock.sleep(delay)
        scope.cancel()

    async def _advance(self, job_id: str) -> None:
        with self._clock.working():
            async with self._limit:
                try:
                    step = await self._engine.advance(job_id)
                except Exception as error:
                    logger.debug("driving job %s stopped: %s", job_id, type(error).__name__)
                    self._end(job_id, error)
                    return
            self._after(step)

    def _after(self, step: Advance) -> None:
        if step.due is None:
            self._end(step.job.id, step.job)
        else:
            self._push(step.job.id, step.due)

    def _end(self, job_id: str, result: Job | Exception) -> None:
        self._driven.discard(job_id)
        self._results[job_id] = result
        self._ended[job_id].set()
