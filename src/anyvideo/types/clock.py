"""Time, injected: UTC for records, monotonic seconds for waits."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """What waits and records ask for the time."""

    def now(self) -> datetime:
        """The wall clock in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop."""
        ...

    def working(self) -> AbstractContextManager[None]:
        """While it is held, real work is under way: a virtual clock stands still."""
        ...
