"""The machine's own time."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime

import anyio


class SystemClock:
    """UTC for records, monotonic seconds for waits."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(max(0.0, seconds))

    def working(self) -> AbstractContextManager[None]:
        return nullcontext()
