"""Time that passes only when everyone waits."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import anyio
import anyio.lowlevel

_CALM_TURNS = 25


class VirtualClock:
    """A clock for tests: ten minutes of waiting take milliseconds.

    It jumps to the earliest sleeper when nobody holds `working()` and the loop has been calm for a few turns.
    It may be read from other threads, so that a simulator shares it.
    """

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed = 0.0
        self._busy = 0
        self._stirred = 0
        self._lock = threading.Lock()
        self._sleepers: list[tuple[float, int]] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        """The virtual wall clock in UTC."""
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """Virtual seconds since the start."""
        return self._elapsed

    def advance(self, seconds: float) -> None:
        """Let time pass at once."""
        with self._lock:
            self._elapsed += seconds
            self._stirred += 1

    async def sleep(self, seconds: float) -> None:
        """Wait until virtual time has passed."""
        wake = (self._elapsed + max(0.0, seconds), next(self._order))
        heapq.heappush(self._sleepers, wake)
        self._stirred += 1
        try:
            while self._elapsed < wake[0]:
                if await self._calm() and self._sleepers[0] == wake:
                    self.advance(wake[0] - self._elapsed)
        finally:
            self._sleepers.remove(wake)
            heapq.heapify(self._sleepers)
            self._stirred += 1

    @contextmanager
    def working(self) -> Iterator[None]:
        """While it is held, time stands still."""
        with self._lock:
            self._busy += 1
            self._stirred += 1
        try:
            yield
        finally:
            with self._lock:
                self._busy -= 1
                self._stirred += 1

    async def _calm(self) -> bool:
        """Whether nothing stirred for a few turns of the loop."""
        before = self._stirred
        for _ in range(_CALM_TURNS):
            if self._busy:
                await anyio.sleep(0.001)
                return False
            await anyio.lowlevel.checkpoint()
        return self._stirred == before
