"""Which length of a model answers the seconds and the frames per second that were asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from anyvideo.catalog.spec import Length, Rate
from anyvideo.routing.notes import Impossible, Notes
from anyvideo.types.plan import InputValue
from anyvideo.types.request import VideoRequest

TOLERANCE = 2.0
"""Seconds that a clip may be longer or shorter than asked."""

SAME = 0.05
"""Seconds that nobody sees: less is not called a change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedLength:
    """`seconds` exactly; `frames` where the model counts frames; `fps` None where the vendor does not say."""

    seconds: float
    frames: int | None
    fps: float | None
    inputs: Mapping[str, InputValue]


def fit_length(request: VideoRequest, length: Length, notes: Notes, *, tolerance: float) -> FittedLength:
    """The length to ask for. Raises Impossible where none is near enough."""
    asked = length.default if request.duration is None else request.duration
    fps = _fit_rate(request.fps, length.rate, notes)
    fitted = _counted(length, asked, fps) if length.frames else _timed(length, asked, fps)
    if request.duration is not None and abs(fitted.seconds - request.duration) > SAME:
        if abs(fitted.seconds - request.duration) > tolerance:
            raise Impossible(
                f"makes {_offer(length)}; {request.duration:g} s is more than {tolerance:g} s off", "duration"
            )
        notes.add(
            "duration", f"{request.duration:g} s", f"{fitted.seconds:.4g} s", "nearest that this model makes"
        )
    return fitted


def _fit_rate(asked: float | None, rate: Rate | None, notes: Notes) -> float | None:
    """What was asked for, as near as the model comes; None where nothing was asked or nothing is known."""
    if asked is None:
        return None
    if rate is None:
        notes.add("fps", f"{asked:g}", None, "this model decides it by itself")
        return None
    given = min(max(asked, rate.minimum), rate.maximum)
    given = float(round(given)) if rate.input is not None else given
    if given != asked:
        notes.add("fps", f"{asked:g}", f"{given:g}", "nearest that this model makes")
    return given


def _counted(length: Length, asked: float, fps: float | None) -> FittedLength:
    """Frames and rate whose quotient is nearest; equals go to the usual rate, then to fewer frames."""
    rate = length.rate
    assert rate is not None, "the loader asks for a rate where frames are counted"
    word, count, chosen = min(
        (
            (word, count, candidate)
            for word, count in length.frames.items()
            for candidate in _rates(rate, fps)
        ),
        key=lambda one: (
            round(abs(one[1] / one[2] - asked), 6),
            abs(one[2] - rate.default),
            one[1],
        ),
    )
    inputs: dict[str, InputValue] = {} if length.input is None else {length.input: word}
    return FittedLength(
        seconds=count / chosen, frames=count, fps=chosen, inputs={**inputs, **_rate_input(rate, chosen)}
    )


def _rates(rate: Rate, fps: float | None) -> list[float]:
    if fps is not None:
        return [fps]
    if rate.input is None:
        return [rate.default]
    return [float(whole) for whole in range(math.ceil(rate.minimum), math.floor(rate.maximum) + 1)]


def _timed(length: Length, asked: float, fps: float | None) -> FittedLength:
    """Seconds from a list or a range."""
    rate = length.rate
    chosen = fps if fps is not None or rate is None else rate.default
    seconds = _nearest(length, asked)
    if length.step == 0 and chosen is not None:
        seconds = max(1, round(seconds * chosen)) / chosen
    inputs: dict[str, InputValue] = (
        {} if length.input is None else {length.input: _said(seconds, length.form)}
    )
    if rate is not None and chosen is not None:
        inputs |= _rate_input(rate, chosen)
    return FittedLength(seconds=seconds, frames=None, fps=chosen, inputs=inputs)


def _nearest(length: Length, asked: float) -> float:
    if length.seconds:
        return min(length.seconds, key=lambda seconds: (abs(seconds - asked), seconds))
    assert length.minimum is not None, "the loader asks for minimum and maximum where nothing else is given"
    assert length.maximum is not None, "the loader asks for minimum and maximum where nothing else is given"
    inside = min(max(asked, length.minimum), length.maximum)
    if length.step == 0:
        return inside
    steps = math.floor((inside - length.minimum) / length.step + 0.5)
    return min(length.minimum + steps * length.step, length.maximum)


def _said(seconds: float, form: str | None) -> InputValue:
    """The seconds as the model wants them: a whole number where it is one."""
    number: int | float = int(seconds) if seconds == int(seconds) else seconds
    return number if form is None else form.replace("{}", f"{number:g}")


def _rate_input(rate: Rate, fps: float) -> dict[str, InputValue]:
    return {} if rate.input is None else {rate.input: _said(fps, None)}


def _offer(length: Length) -> str:
    """What the model can do, for people."""
    if length.seconds:
        return " or ".join(f"{seconds:g} s" for seconds in length.seconds)
    if length.minimum is not None and length.maximum is not None:
        return f"{length.minimum:g} to {length.maximum:g} s"
    rate = length.rate
    assert rate is not None, "the loader asks for a rate where frames are counted"
    shortest, longest = min(length.frames.values()), max(length.frames.values())
    slow, fast = longest / min(_rates(rate, None)), shortest / max(_rates(rate, None))
    return f"{slow:.4g} s" if slow == fast else f"{fast:.2g} to {slow:.2g} s"
