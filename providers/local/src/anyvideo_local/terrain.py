"""The ground, from the far ridge to the near one, by kind of place."""

from __future__ import annotations

from random import Random

from anyvideo_local.city import build_city, city_top
from anyvideo_local.look import Look
from anyvideo_local.ridges import Ridge, build_ridge
from anyvideo_local.stage import Layer, Stage
from anyvideo_local.water import build_water, water_top

_RIDGES: dict[str, tuple[Ridge, ...]] = {
    "hills": (
        Ridge(base=0.6, swing=0.07, length=0.75, rough=0.45, near=0.0),
        Ridge(base=0.68, swing=0.07, length=0.9, rough=0.38, near=0.3),
        Ridge(base=0.78, swing=0.07, length=1.05, rough=0.32, near=0.62, trees=0.035),
        Ridge(base=0.93, swing=0.06, length=1.2, rough=0.3, near=0.95),
    ),
    "mountains": (
        Ridge(base=0.54, swing=0.17, length=0.68, rough=0.52, near=0.0, peaks=True),
        Ridge(base=0.68, swing=0.12, length=0.63, rough=0.5, near=0.3, peaks=True),
        Ridge(base=0.8, swing=0.06, length=0.9, rough=0.42, near=0.66, trees=0.05),
        Ridge(base=0.96, swing=0.05, length=1.05, rough=0.4, near=1.0, trees=0.11),
    ),
    "forest": (
        Ridge(base=0.58, swing=0.08, length=0.75, rough=0.45, near=0.0),
        Ridge(base=0.68, swing=0.06, length=0.75, rough=0.42, near=0.3, trees=0.05),
        Ridge(base=0.8, swing=0.05, length=0.9, rough=0.4, near=0.6, trees=0.11),
        Ridge(base=1.0, swing=0.04, length=1.2, rough=0.4, near=1.0, trees=0.3),
    ),
    "dunes": (
        Ridge(base=0.58, swing=0.05, length=0.75, rough=0.34, near=0.35),
        Ridge(base=0.67, swing=0.06, length=0.9, rough=0.3, near=0.55),
        Ridge(base=0.77, swing=0.07, length=1.05, rough=0.26, near=0.75),
        Ridge(base=0.9, swing=0.09, length=1.2, rough=0.22, near=0.95),
    ),
    "sea": (
        Ridge(base=0.56, swing=0.09, length=0.68, rough=0.5, near=0.05),
        Ridge(base=0.595, swing=0.035, length=0.6, rough=0.5, near=0.4, trees=0.02),
    ),
    "space": (),
}  # fmt: skip
_BOTTOM = 2.0


def build_terrain(stage: Stage, look: Look, random: Random, *, body_x: float) -> list[Layer]:
    """The layers of the ground, down to the canvas's last row. Each ends where the next one hides it.

    `body_x` is where the sun or moon stands, as a share of the picture's width.
    """
    if look.terrain == "city":
        return build_city(stage, look, random)
    ridges = _RIDGES[look.terrain]
    ends = [ridge.solid for ridge in ridges[1:]] + [_behind_ridges(look)]
    layers: list[Layer] = []
    for ridge, end in zip(ridges, ends, strict=False):
        layers += build_ridge(stage, look, ridge, end, random)
    if look.terrain == "sea":
        layers += build_water(stage, look, random, body_x)
    return layers


def sky_end(look: Look) -> float:
    """The share of the picture's height below which no sky is seen."""
    if look.terrain == "city":
        return city_top()
    return min([_behind_ridges(look), *(ridge.solid for ridge in _RIDGES[look.terrain])])


def _behind_ridges(look: Look) -> float:
    return water_top() if look.terrain == "sea" else _BOTTOM
