"""What a batch comes to: one result for each clip, and all of them together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from anyvideo.types.job import Attempt
from anyvideo.types.money import Cost, total
from anyvideo.types.plan import Adjustment
from anyvideo.types.video import Video


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipResult:
    """One clip of a batch: its video, or the error that stands in its place. Lengths and times in seconds.

    `job_ids` are its tries, oldest first, `attempts` those of all tries. `target_duration` is what was asked
    for, else what the model was asked for. `generation_time` runs from the first attempt of the try that
    delivered to its file; None where none did. `reused` is the job that answered it where that was bought for
    something else: `cost` is without it, while the video's own `cost` says what it cost then.
    """

    index: int
    prompt: str | None = None
    video: Video | None = None
    error: Exception | None = None
    job_ids: tuple[str, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    target_duration: float | None = None
    generation_time: float | None = None
    reused: str | None = None

    @property
    def tries(self) -> int:
        """How many chains of models were begun for it."""
        return len(self.job_ids)

    @property
    def adjustments(self) -> tuple[Adjustment, ...]:
        """What was changed or dropped to fit the model of its latest attempt."""
        return self.attempts[-1].fit.adjustments if self.attempts else ()

    @property
    def duration(self) -> float | None:
        """Measured length."""
        return None if self.video is None else self.video.duration

    @property
    def difference(self) -> float | None:
        """Measured minus asked for, to the microsecond."""
        if self.duration is None or self.target_duration is None:
            return None
        return round(self.duration - self.target_duration, 6) + 0.0

    @property
    def bought(self) -> tuple[Attempt, ...]:
        """The attempts that were made for it."""
        return tuple(one for one in self.attempts if one.id.rpartition(".")[0] != self.reused)

    @property
    def cost(self) -> Cost:
        """All attempts for it that are settled, delivered or not."""
        return total_cost(self.bought)

    @property
    def held_micros(self) -> int:
        """Micro-dollars still set aside: for attempts that run, or whose fate nobody knows."""
        return sum(attempt.hold_micros for attempt in self.attempts)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """A finished batch, whole or in part; `clips` in the order in which they were asked for.

    `wall_time` is in seconds, from the first submit of this run to the end of its last clip.
    """

    id: str
    clips: tuple[ClipResult, ...]
    wall_time: float

    @property
    def total(self) -> int:
        """How many clips were asked for."""
        return len(self.clips)

    @property
    def successful(self) -> int:
        """How many were delivered."""
        return sum(clip.video is not None for clip in self.clips)

    @property
    def failed(self) -> int:
        """How many were not."""
        return self.total - self.successful

    @property
    def videos(self) -> tuple[Video, ...]:
        """The delivered clips."""
        return tuple(clip.video for clip in self.clips if clip.video is not None)

    @property
    def cost(self) -> Cost:
        """All settled attempts of all clips, those of earlier runs of the batch among them."""
        return total_cost(attempt for clip in self.clips for attempt in clip.bought)

    @property
    def held_micros(self) -> int:
        """Micro-dollars still set aside."""
        return sum(clip.held_micros for clip in self.clips)


def total_cost(attempts: Iterable[Attempt]) -> Cost:
    """What the settled ones of these attempts cost."""
    return total([attempt.cost for attempt in attempts if attempt.cost is not None])
