"""Recording against real vendors: one cap for the whole run, kept by a `max_cost` on every call."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from anyvideo.types.job import Job

MICROS: Final = 1_000_000
MOST_JOBS: Final = 1000


class Purse:
    """What a live run may still spend. Micro-dollars; holds count as spent."""

    def __init__(self, cap: Decimal) -> None:
        self.cap = cap
        self._spent: dict[int, int] = {}
        self._lent = 0

    def left(self) -> Decimal:
        """Dollars."""
        return max(Decimal(0), self.cap - Decimal(sum(self._spent.values()) + self._lent) / MICROS)

    def count(self, client: object, jobs: list[Job]) -> None:
        """Take in what a client's jobs cost or hold."""
        self._spent[id(client)] = sum(
            attempt.hold_micros if attempt.cost is None else attempt.cost.micros
            for job in jobs
            for attempt in job.attempts
        )

    def lend(self, wanted: object) -> Decimal:
        """What one call may cost: what it wants, at most what is left. Fails the test when nothing is."""
        left = self.left()
        if not left:
            pytest.fail(f"the cap of ${self.cap} for live recording is used up", pytrace=False)
        amount = left if wanted is None else min(Decimal(str(wanted)), left)
        self._lent += int(amount * MICROS)
        return amount

    def give_back(self, amount: Decimal) -> None:
        """The call is over: what it cost is counted from its jobs."""
        self._lent -= int(amount * MICROS)


_PURSE: Final = pytest.StashKey[Purse]()


def purse_of(config: pytest.Config) -> Purse:
    """The run's purse. Raises UsageError where no cap was given."""
    if _PURSE not in config.stash:
        config.stash[_PURSE] = Purse(_cap(config.getoption("--anyvideo-max-cost")))
    return config.stash[_PURSE]


def _cap(text: str | None) -> Decimal:
    try:
        cap = Decimal(text or "0")
    except InvalidOperation:
        cap = Decimal(0)
    if not cap.is_finite() or cap <= 0:
        raise pytest.UsageError(
            "--anyvideo-record=live spends money: say how much it may be, like --anyvideo-max-cost=0.50"
        )
    return cap


def cap_spending(client: Any, purse: Purse) -> None:
    """Make a client's purchases pass a `max_cost` that keeps the run under its cap."""
    if inspect.iscoroutinefunction(client.submit):
        client.submit = _async_within(client, client.submit, purse)  # its `generate` calls its `submit`
        return
    for name in ("submit", "generate"):
        setattr(client, name, _within(client, getattr(client, name), purse))


def _within(client: Any, call: Callable[..., Any], purse: Purse) -> Callable[..., Any]:
    def capped(*args: Any, **options: Any) -> Any:
        purse.count(client, client.jobs(limit=MOST_JOBS))
        amount = purse.lend(options.get("max_cost"))
        try:
            return call(*args, **{**options, "max_cost": amount})
        finally:
            purse.give_back(amount)
            purse.count(client, client.jobs(limit=MOST_JOBS))

    return capped


def _async_within(client: Any, call: Callable[..., Any], purse: Purse) -> Callable[..., Any]:
    async def capped(*args: Any, **options: Any) -> Any:
        purse.count(client, await client.jobs(limit=MOST_JOBS))
        amount = purse.lend(options.get("max_cost"))
        try:
            return await call(*args, **{**options, "max_cost": amount})
        finally:
            purse.give_back(amount)
            purse.count(client, await client.jobs(limit=MOST_JOBS))

    return capped
