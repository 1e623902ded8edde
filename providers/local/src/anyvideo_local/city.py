"""Three rows of houses against the sky, their windows lit when it is dark."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from PIL import Image, ImageDraw

from anyvideo_local.layers import Cutout, plain
from anyvideo_local.look import Look
from anyvideo_local.paint import mix
from anyvideo_local.ridges import OVERLAP, end_row, ground_colors, ground_fill, layer_depth
from anyvideo_local.stage import Box, Layer, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """`base` is where its lowest houses end, `tallest` its highest: shares of the picture's height."""

    base: float
    tallest: float
    near: float


_ROWS = (
    _Row(base=0.66, tallest=0.34, near=0.05),
    _Row(base=0.76, tallest=0.4, near=0.45),
    _Row(base=0.9, tallest=0.34, near=0.95),
)


def city_top() -> float:
    """The share of the picture's height below which no sky is seen."""
    return _ROWS[0].base + OVERLAP


def build_city(stage: Stage, look: Look, random: Random) -> list[Layer]:
    """The rows of houses, far to near, down to the canvas's last row."""
    layers: list[Layer] = []
    ends = [row.base + OVERLAP for row in _ROWS[1:]] + [2.0]
    for row, end in zip(_ROWS, ends, strict=True):
        top = max(0, int(stage.row(row.base - row.tallest * 1.15)))
        size = (stage.canvas[0] * 2, (end_row(stage, end) - top) * 2)
        houses, windows = Image.new("L", size, 0), Image.new("L", size, 0)
        base = (stage.row(row.base) - top) * 2
        _build(houses, windows, base, row.tallest * stage.height * 2, stage.unit * (0.7 + row.near), random)
        depth = layer_depth(row.near)
        fill = ground_fill(stage, top, ground_colors(look, row.near * 0.9), random)
        layers.append(Cutout(stage=stage, mask=houses.reduce(2), top=top, depth=depth, fill=fill))
        if look.lit:
            warm = mix((255, 206, 120), look.hour.haze, 0.45 * (1 - row.near))
            light = plain(stage, size[1] // 2, warm)
            layers.append(Cutout(stage=stage, mask=windows.reduce(2), top=top, depth=depth, fill=light))
    return layers


def _build(
    houses: Image.Image, windows: Image.Image, base: float, tallest: float, unit: float, random: Random
) -> None:
    draw, light = ImageDraw.Draw(houses), ImageDraw.Draw(windows)
    draw.rectangle((0, base, houses.width, houses.height), fill=255)
    x = -unit * 0.1
    while x < houses.width:
        wide = max(2.0, unit * (0.09 + 0.13 * random.random()))
        roof = base - tallest * (0.25 + 0.75 * random.random() ** 1.8)
        house = (x, roof, x + wide, float(houses.height))
        draw.rectangle(house, fill=255)
        _crown(draw, house, unit, random)
        _light(light, house, max(3.0, unit * 0.02), random)
        x += wide * (0.85 + 0.35 * random.random())


def _crown(draw: ImageDraw.ImageDraw, house: Box, unit: float, random: Random) -> None:
    left, roof, right, _ = house
    wide, kind = right - left, random.random()
    if kind < 0.3:
        draw.rectangle((left + wide * 0.25, roof - wide * 0.35, right - wide * 0.25, roof), fill=255)
    elif kind < 0.5:
        middle = left + wide / 2
        draw.line((middle, roof - wide * 0.9, middle, roof), fill=255, width=max(2, int(unit * 0.005)))


def _light(draw: ImageDraw.ImageDraw, house: Box, pitch: float, random: Random) -> None:
    left, roof, right, bottom = house
    draw.rectangle(house, fill=0)
    share = 0.12 + 0.4 * random.random()
    y = roof + pitch
    while y < bottom:
        x = left + pitch * 0.7
        while x < right - pitch:
            if random.random() < share:
                shade = round(110 + 130 * random.random())
                draw.rectangle((x, y, x + pitch * 0.5, y + pitch * 0.62), fill=shade)
            x += pitch
        y += pitch * 1.35
