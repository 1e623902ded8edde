"""Ridges of hills, mountains, dunes and woods, the far ones paler than the near."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from PIL import Image, ImageDraw

from anyvideo_local.layers import MOST_STRETCH, Cutout, plain
from anyvideo_local.look import Look
from anyvideo_local.paint import Point, crest_line, dim, gradient, mix, outline
from anyvideo_local.stage import Color, Layer, Stage

OVERLAP = 0.09
"""How far a layer reaches below the next one's crest, in picture heights: the camera shifts them apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ridge:
    """Shares of the picture's height (`base`, `swing`) or shorter side (`length`, `trees`).

    `near` goes from 0, lost in haze, to 1; `peaks` makes snow-capped mountains of it.
    """

    base: float
    swing: float
    length: float
    rough: float
    near: float
    trees: float = 0.0
    peaks: bool = False

    @property
    def solid(self) -> float:
        """From this share of the height down nothing behind it is seen."""
        return self.base + 1.5 * self.swing + OVERLAP


def build_ridge(stage: Stage, look: Look, ridge: Ridge, end: float, random: Random) -> list[Layer]:
    """One ridge, drawn down to the share `end` of the picture's height."""
    width, height = stage.canvas[0], end_row(stage, end)
    base, swing, tall = stage.row(ridge.base), ridge.swing * stage.height, ridge.trees * stage.unit
    crest = crest_line(width, base, swing, ridge.length * stage.unit, ridge.rough, random, sharp=ridge.peaks)
    top = max(0, int(base - swing * 1.6 - tall * 1.5))
    mask, points = outline((width, height - top), crest, top)
    if tall:
        _plant(mask, lambda x: (crest(x / 2) - top) * 2, tall * 2, random)
    depth = layer_depth(ridge.near)
    colors = ground_colors(look, ridge.near)
    fill = ground_fill(stage, top, colors, random)
    layers: list[Layer] = [Cutout(stage=stage, mask=mask.reduce(2), top=top, depth=depth, fill=fill)]
    if ridge.peaks:
        caps = _caps(points, width, round(base - swing * 0.15) - top, random)
        snow = mix(mix(look.hour.haze, (255, 255, 255), 0.55), colors[0], 0.25 if look.shade > 0.5 else 0.5)
        paint = plain(stage, caps.height, snow)
        layers.append(Cutout(stage=stage, mask=caps, top=top, depth=depth, fill=paint))
    return layers


def layer_depth(near: float) -> float:
    """How much of the camera's move a layer of the ground shows."""
    return 0.34 + 0.66 * near


def end_row(stage: Stage, share: float) -> int:
    """The canvas row at `share` of the picture's height, at most the last."""
    return min(stage.canvas[1], round(stage.row(share)))


def ground_colors(look: Look, near: float) -> tuple[Color, Color]:
    """Crest and foot: the farther, the more haze."""
    lit = dim(look.ground, look.shade * (1.0 - 0.42 * near))
    crest = mix(look.hour.haze, lit, 0.3 + 0.7 * near)
    return crest, mix(crest, look.hour.haze, 0.38 * (1 - near) + 0.06)


def ground_fill(stage: Stage, top: int, colors: tuple[Color, Color], random: Random) -> Image.Image:
    """What a layer of the ground is painted with: mist gathers at its foot."""
    rows = round((stage.canvas[1] - top) * MOST_STRETCH) + 2
    stops = [(0.0, colors[0]), (min(0.9, 0.3 * stage.height / rows), colors[1]), (1.0, dim(colors[1], 0.7))]
    return gradient((stage.width, rows), stops, random)


def _caps(points: list[Point], width: int, rows: int, random: Random) -> Image.Image:
    """Snow above row `rows` of the layer; `points` is the crest at twice the size."""
    caps = Image.new("L", (width * 2, rows * 2), 0)
    line = rows * 2
    under = [(x, y + max(0.0, line - y) * (0.45 + 0.5 * random.random())) for x, y in points]
    ImageDraw.Draw(caps).polygon([*points, *reversed(under)], fill=235)
    return caps.reduce(2)


def _plant(mask: Image.Image, crest: Callable[[float], float], tall: float, random: Random) -> None:
    """Conifers along a crest, in the mask's own pixels."""
    draw = ImageDraw.Draw(mask)
    x = -tall
    while x < mask.width + tall:
        height = tall * (0.45 + 0.75 * random.random())
        half = height * (0.17 + 0.06 * random.random())
        _conifer(draw, x, crest(x) + height * 0.1, height, half)
        x += max(2.0, half * (0.7 + 1.7 * random.random() ** 2))


def _conifer(draw: ImageDraw.ImageDraw, x: float, foot: float, height: float, half: float) -> None:
    for tier in range(4):
        tip, hem = foot - height * (1 - 0.24 * tier), foot - height * (0.62 - 0.2 * tier)
        wide = half * (0.45 + 0.2 * tier)
        draw.polygon([(x, tip), (x - wide, hem), (x + wide, hem)], fill=255)
    draw.rectangle((x - half * 0.12, foot - height * 0.1, x + half * 0.12, foot), fill=255)
