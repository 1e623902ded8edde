"""So many at once; of those that wait, the most urgent first: neither anyio nor Python has such a limiter."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import anyio


class Slots:
    """A limiter whose free slot goes to whoever has the earliest moment. For one event loop."""

    def __init__(self, number: int) -> None:
        self._free = number
        self._order = itertools.count()
        self._waiting: list[tuple[datetime, int, anyio.Event]] = []

    @asynccontextmanager
    async def taken(self, before: datetime) -> AsyncIterator[None]:
        """A slot, asked for by somebody who must be done `before` that moment."""
        await self._enter(before)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, before: datetime) -> None:
        if self._free:
            self._free -= 1
            return
        place = (before, next(self._order), anyio.Event())
        heapq.heappush(self._waiting, place)
        try:
            await place[2].wait()
        except BaseException:
            if place in self._waiting:
                self._waiting.remove(place)
                heapq.heapify(self._waiting)
            else:
                self._leave()
            raise

    def _leave(self) -> None:
        if self._waiting:
            heapq.heappop(self._waiting)[2].set()
        else:
            self._free += 1
