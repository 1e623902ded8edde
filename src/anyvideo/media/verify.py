"""Whether a delivered file is what was ordered."""

from __future__ import annotations

from fractions import Fraction

from anyvideo.catalog.shape import lines
from anyvideo.types.job import MediaInfo, Mismatch
from anyvideo.types.plan import Fit
from anyvideo.types.request import ratio_value

SECONDS = 2.0
"""How far the measured length may be from the ordered one."""

_RATIO = Fraction(3, 100)
_RESOLUTION = Fraction(5, 100)


def mismatches(fit: Fit, info: MediaInfo) -> tuple[Mismatch, ...]:
    """What differs beyond tolerance: the length by more than 2 s, the picture's size, the sound.

    The size is exactly the one ordered where that is known, else its ratio and its resolution are.
    """
    found = (
        _length(fit, info),
        _size(fit, info),
        _ratio(fit, info),
        _resolution(fit, info),
        _sound(fit, info),
    )
    return tuple(one for one in found if one is not None)


def _length(fit: Fit, info: MediaInfo) -> Mismatch | None:
    if abs(info.duration - fit.duration) <= SECONDS:
        return None
    return Mismatch(field="duration", ordered=f"{fit.duration:g} s", measured=f"{info.duration:g} s")


def _size(fit: Fit, info: MediaInfo) -> Mismatch | None:
    if fit.size is None or fit.size == (info.width, info.height):
        return None
    return Mismatch(field="resolution", ordered="{}x{}".format(*fit.size), measured=_measured(info))


def _ratio(fit: Fit, info: MediaInfo) -> Mismatch | None:
    if fit.size is not None or fit.aspect_ratio is None:
        return None
    if _near(Fraction(info.width, info.height), ratio_value(fit.aspect_ratio), _RATIO):
        return None
    return Mismatch(field="aspect_ratio", ordered=fit.aspect_ratio, measured=_measured(info))


def _resolution(fit: Fit, info: MediaInfo) -> Mismatch | None:
    """Of a shape that is not 16:9, a model keeps the short side or the area that 16:9 has."""
    if fit.size is not None or fit.resolution is None:
        return None
    short = lines(fit.resolution)
    area = Fraction(short * short * 16, 9)
    had = Fraction(min(info.width, info.height)), Fraction(info.width * info.height)
    if _near(had[0], Fraction(short), _RESOLUTION) or _near(had[1], area, _RESOLUTION):
        return None
    return Mismatch(field="resolution", ordered=fit.resolution, measured=_measured(info))


def _near(measured: Fraction, ordered: Fraction, share: Fraction) -> bool:
    return abs(measured - ordered) <= ordered * share


def _measured(info: MediaInfo) -> str:
    return f"{info.width}x{info.height}"


def _sound(fit: Fit, info: MediaInfo) -> Mismatch | None:
    if fit.audio == info.audio:
        return None
    return Mismatch(
        field="audio", ordered="on" if fit.audio else "off", measured="on" if info.audio else "off"
    )
