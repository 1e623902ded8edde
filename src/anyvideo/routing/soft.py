"""What a profile would like where a call says nothing: taken where a model takes it, else dropped. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from anyvideo.catalog.spec import ModelSpec
from anyvideo.routing.length import TOLERANCE
from anyvideo.routing.notes import Notes
from anyvideo.types.request import VideoRequest, ratio_value


@dataclass(frozen=True, slots=True, kw_only=True)
class Soft:
    """Wishes that turn no model down. `max_duration` in seconds also bounds what the caller asks for."""

    origin: str = "the profile"
    aspect_ratio: str | None = None
    resolution: str | None = None
    fps: float | None = None
    max_duration: float | None = None
    steps: int | None = None
    motion: int | None = None


def softened(request: VideoRequest, spec: ModelSpec, soft: Soft, notes: Notes) -> VideoRequest:
    """The request with what the model can take of the soft wishes; the rest is noted as dropped."""
    wanted = {
        "aspect_ratio": _ratio(request, spec, soft, notes),
        "resolution": soft.resolution,
        "fps": _rate(request, spec, soft, notes),
        "duration": _length(request, spec, soft, notes),
        "steps": soft.steps,
        "motion": soft.motion,
    }
    unsaid = {
        name: value
        for name, value in wanted.items()
        if value is not None and (name == "duration" or getattr(request, name) is None)
    }
    return replace(request, **unsaid)  # type: ignore[arg-type]


def _ratio(request: VideoRequest, spec: ModelSpec, soft: Soft, notes: Notes) -> str | None:
    asked, shape = soft.aspect_ratio, spec.shape
    if asked is None or request.aspect_ratio is not None:
        return None
    listed = any(
        ratio_value(size.ratio) == ratio_value(asked)
        for size in shape.sizes
        if not size.tasks or request.task in size.tasks
    )
    if request.image is not None and shape.follows_image and not (shape.crops and listed):
        notes.add("aspect_ratio", asked, None, f"this model keeps the picture's ratio; {soft.origin} asked")
        return None
    if not listed:
        notes.add("aspect_ratio", asked, None, f"this model does not make it; {soft.origin} asked")
        return None
    return asked


def _rate(request: VideoRequest, spec: ModelSpec, soft: Soft, notes: Notes) -> float | None:
    if soft.fps is None or request.fps is not None:
        return None
    if spec.length.frames:
        notes.add("fps", f"{soft.fps:g}", None, f"it decides this model's length; {soft.origin} asked")
        return None
    return soft.fps


def _length(request: VideoRequest, spec: ModelSpec, soft: Soft, notes: Notes) -> float | None:
    """What to ask for where the usual or the wanted length is over the bound; None: as it is."""
    most = soft.max_duration
    if most is None:
        return None
    usual = spec.length.default if request.duration is None else request.duration
    if usual <= most:
        return None
    nearest = _nearest(spec, most)
    within = abs(nearest - most) <= TOLERANCE
    given = most if within else nearest
    if not within:
        notes.add(
            "max_duration", f"{most:g} s", None, f"this model makes {nearest:.4g} s; {soft.origin} asked"
        )
    if request.duration is not None and given != usual:
        notes.add("duration", f"{usual:g} s", f"{given:.4g} s", f"{soft.origin} allows no more")
    return given


def _nearest(spec: ModelSpec, most: float) -> float:
    """The length of the model that is nearest to the bound."""
    length = spec.length
    if length.seconds:
        return min(length.seconds, key=lambda seconds: abs(seconds - most))
    if length.minimum is not None and length.maximum is not None:
        return min(max(most, length.minimum), length.maximum)
    rate = length.rate
    assert rate is not None, "the loader asks for a rate where frames are counted"
    slowest, fastest = (rate.default, rate.default) if rate.input is None else (rate.minimum, rate.maximum)
    shortest, longest = min(length.frames.values()) / fastest, max(length.frames.values()) / slowest
    return min(max(most, shortest), longest)
