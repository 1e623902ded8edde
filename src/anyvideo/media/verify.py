"""Whether a delivered file is what was ordered."""

from __future__ import annotations

from fractions import Fraction

from anyvideo.types.job import MediaInfo, Mismatch
from anyvideo.types.plan import Fit
from anyvideo.types.request import ratio_value

SECONDS = 2.0
"""How far the measured length may be from the ordered one."""

_RATIO = Fraction(3, 100)


def mismatches(fit: Fit, info: MediaInfo) -> tuple[Mismatch, ...]:
    """What differs beyond tolerance: the length by more than 2 s, the picture's size, the sound."""
    found = (_length(fit, info), _size(fit, info), _sound(fit, info))
    return tuple(one for one in found if one is not None)


def _length(fit: Fit, info: MediaInfo) -> Mismatch | None:
    if abs(info.duration - fit.duration) <= SECONDS:
        return None
    return Mismatch(field="duration", ordered=f"{fit.duration:g} s", measured=f"{info.duration:g} s")


def _size(fit: Fit, info: MediaInfo) -> Mismatch | None:
    measured = f"{info.width}x{info.height}"
    if fit.size is not None:
        exact = fit.size == (info.width, info.height)
        return (
            None
            if exact
            else Mismatch(field="resolution", ordered=f"{fit.size[0]}x{fit.size[1]}", measured=measured)
        )
    if fit.aspect_ratio is None:
        return None
    wanted = ratio_value(fit.aspect_ratio)
    if abs(Fraction(info.width, info.height) - wanted) <= wanted * _RATIO:
        return None
    return Mismatch(field="aspect_ratio", ordered=fit.aspect_ratio, measured=measured)


def _sound(fit: Fit, info: MediaInfo) -> Mismatch | None:
    if fit.audio == info.audio:
        return None
    return Mismatch(
        field="audio", ordered="on" if fit.audio else "off", measured="on" if info.audio else "off"
    )
