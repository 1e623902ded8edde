"""A request fitted to models: what would be bought, and why the rest was turned down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from anyvideo.types.money import Quote
from anyvideo.types.request import Image, Task

InputValue = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """One thing that the model cannot do as asked and does otherwise. `given` None: dropped."""

    field: str
    asked: str
    given: str | None
    reason: str

    def __str__(self) -> str:
        change = "dropped" if self.given is None else f"{self.asked} → {self.given}"
        return f"{self.field}: {change} ({self.reason})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A request fitted to one model: exact, in our words, with `inputs` in the model's own words.

    `duration` in seconds, `size` in pixels (width, height), `frames` where the model counts frames.
    `inputs` holds everything that is sent but pictures; `image_input` names the input for the picture.
    """

    model: str
    task: Task
    prompt: str | None
    negative_prompt: str | None
    image: Image | None
    image_input: str | None
    duration: float
    frames: int | None
    fps: float | None
    aspect_ratio: str | None
    resolution: str | None
    size: tuple[int, int] | None
    audio: bool
    seed: int | None
    inputs: Mapping[str, InputValue]
    adjustments: tuple[Adjustment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A model that can do it. `ready` is False with `missing` saying what to set."""

    model: str
    vendor: str
    fit: Fit
    quote: Quote
    ready: bool = True
    missing: str | None = None
    stand_in: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A model that cannot do it, and the reason."""

    model: str
    reason: str
    field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Candidates in the order in which they would be tried, and rejections. Pure data."""

    candidates: tuple[Candidate, ...] = ()
    rejections: tuple[Rejection, ...] = field(default=())

    @property
    def ready(self) -> tuple[Candidate, ...]:
        """The candidates that could be used now."""
        return tuple(candidate for candidate in self.candidates if candidate.ready)
