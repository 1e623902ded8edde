"""A job's life as a pure function of the seconds since it was accepted."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from anyvideo.testing.simulator.clips import Clip

State = Literal["queued", "running", "succeeded", "failed", "canceled"]

QUEUED_SHARE: Final = 0.2
"""The part of a job's whole time that it waits before it runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a job will end. `fault` is the fault that ordered it, `words` and `code` are the vendor's.

    `at` is the share of the running time after which it ends: 0 for a refusal of the input.
    """

    state: Literal["succeeded", "failed"] = "succeeded"
    fault: str | None = None
    words: str = ""
    code: str | None = None
    at: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Where a job stands. Times are seconds since it was accepted; `ran` is the share (0 to 1) of its run."""

    state: State
    ran: float = 0.0
    started: float | None = None
    ended: float | None = None

    @property
    def terminal(self) -> bool:
        return self.ended is not None


@dataclass(slots=True, kw_only=True)
class Job:
    """One accepted generation. `stopped` is when it was canceled, `deadline` when it will be, in seconds."""

    id: str
    provider: str
    model: str
    created_at: datetime
    created: float
    queued_for: float
    runs_for: float
    clip: Clip
    request: Mapping[str, object]
    ending: Ending = field(default_factory=Ending)
    deadline: float | None = None
    stopped: float | None = None
    deleted: bool = False
    facts: Mapping[str, object] = field(default_factory=dict)
    """What the vendor's own module wants to remember about it."""

    @property
    def ends(self) -> float:
        """Seconds after which it would end if nobody stopped it; infinite when it is stuck."""
        if self.ending.fault == "stuck":
            return math.inf
        return self.queued_for + self.runs_for * self.ending.at

    def phase(self, elapsed: float) -> Phase:
        """Where it stands `elapsed` seconds after it was accepted."""
        stops = min((at for at in (self.stopped, self.deadline) if at is not None), default=math.inf)
        if stops < self.ends and elapsed >= stops:
            return self._at(stops, "canceled", stops)
        if elapsed >= self.ends:
            return self._at(self.ends, self.ending.state, self.ends)
        return self._at(elapsed, "running" if elapsed >= self.queued_for else "queued", None)

    def _at(self, elapsed: float, state: State, ended: float | None) -> Phase:
        started = self.queued_for if elapsed >= self.queued_for else None
        ran = 0.0
        if started is not None:
            ran = min((elapsed - started) / self.runs_for, 1.0) if self.runs_for else 1.0
        if state == "running":
            ran = min(ran, 0.99)
        return Phase(state=state, ran=ran, started=started, ended=ended)

    def moment(self, seconds: float) -> datetime:
        """The wall-clock time `seconds` after it was accepted."""
        return self.created_at + timedelta(seconds=seconds)


class JobTimes:
    """How long jobs take: always the same number of seconds, or drawn from a lognormal law with a seed."""

    def __init__(self) -> None:
        self._seconds = 2.0
        self._law: tuple[float, float] | None = None
        self._seed = 0
        self._random = random.Random(0)

    def set(self, *, seconds: object = None, law: object = None, seed: object = 0) -> None:
        """Either `seconds`, or `law` = {"kind": "lognormal", "median": s, "sigma": s} with a `seed`.

        Raises ValueError with what is wrong.
        """
        if (seconds is None) == (law is None):
            raise ValueError('give either "seconds" or "law"')
        if law is None:
            self._seconds, self._law = _positive("seconds", seconds), None
            return
        if not isinstance(law, Mapping) or law.get("kind") != "lognormal":
            raise ValueError('law must be {"kind": "lognormal", "median": seconds, "sigma": number}')
        seed = _whole("seed", seed)
        median, sigma = _positive("median", law.get("median")), _positive("sigma", law.get("sigma"))
        self._law, self._seed, self._random = (median, sigma), seed, random.Random(seed)

    def draw(self) -> float:
        """The whole time of the next job in seconds."""
        if self._law is None:
            return self._seconds
        median, sigma = self._law
        return median * math.exp(self._random.gauss(0.0, sigma))

    def as_json(self) -> dict[str, object]:
        if self._law is None:
            return {"seconds": self._seconds, "queued_share": QUEUED_SHARE}
        median, sigma = self._law
        law = {"kind": "lognormal", "median": median, "sigma": sigma}
        return {"law": law, "seed": self._seed, "queued_share": QUEUED_SHARE}


def _whole(name: str, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"{name} must be a whole number, not {value!r}")


def _positive(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(f"{name} must be a number of seconds of 0 or more, not {value!r}")
    return float(value)
