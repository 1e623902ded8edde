"""Limits over what is held and spent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

from anyvideo.types.errors import InvalidRequest
from anyvideo.types.money import dollars, parse_cap

Period = Literal["total", "day", "week", "month"]
PERIODS: tuple[Period, ...] = ("total", "day", "week", "month")
SCOPES = ("call", "job", "user", "project")
"""From the innermost to the outermost; each but `call` may carry a name: `user:alice`."""


@dataclass(frozen=True, slots=True)
class Budget:
    """`limit` dollars (text, int or Decimal) for a scope in a period; periods begin at UTC midnight.

    Holds count from the moment they are taken and belong to the period in which they were. Scopes nest:
    a purchase must fit every budget that it is given. Raises InvalidRequest.
    """

    limit: str | int | Decimal
    period: Period = "total"
    scope: str = "project"

    def __post_init__(self) -> None:
        parse_cap(self.limit, "budget")
        if self.period not in PERIODS:
            raise InvalidRequest(
                f"there is no period {self.period!r}", field="budget", hint=f"one of: {', '.join(PERIODS)}"
            )
        kind, colon, name = self.scope.partition(":")
        if kind not in SCOPES or (colon and not name):
            raise InvalidRequest(
                f"there is no scope {self.scope!r}",
                field="budget",
                hint="one of call, job, user, project, with a name where it needs one: user:alice",
            )

    @property
    def limit_micros(self) -> int:
        """The limit in micro-dollars."""
        return parse_cap(self.limit, "budget")

    def named(self, job_id: str) -> Budget:
        """The same budget for one job, where its scope is the call or the job and has no name yet."""
        return replace(self, scope=f"{self.scope}:{job_id}") if self.scope in ("call", "job") else self

    @property
    def rank(self) -> int:
        """Where the scope stands, 0 the innermost: holds are taken in this order."""
        return SCOPES.index(self.scope.partition(":")[0])

    def key(self, now: datetime) -> str:
        """The name of its account in the period that `now` lies in."""
        return f"{self.scope}/{self.period}/{self.begin(now)}"

    def begin(self, now: datetime) -> str:
        """The first day, as text, of the period that `now` lies in; empty where it always lasts."""
        day = now.astimezone(UTC).date()
        match self.period:
            case "day":
                return day.isoformat()
            case "week":
                return (day - timedelta(days=day.weekday())).isoformat()
            case "month":
                return day.replace(day=1).isoformat()
            case _:
                return ""

    def __str__(self) -> str:
        return f"{dollars(self.limit_micros)} USD for {self.scope} ({self.period})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A budget that has just passed a share of its limit: 50, 80 or 100 per cent."""

    scope: str
    period: Period
    percent: int
    used_micros: int
    limit_micros: int


THRESHOLDS = (50, 80, 100)
