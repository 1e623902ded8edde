"""A lake or sea in front of the far shore, with the light's path on it."""

from __future__ import annotations

from random import Random

from PIL import Image, ImageDraw

from anyvideo_local.layers import MOST_STRETCH, Cutout, Shimmer
from anyvideo_local.look import Look
from anyvideo_local.paint import dim, gradient, mix
from anyvideo_local.ridges import OVERLAP, Ridge, build_ridge
from anyvideo_local.stage import Layer, Stage

_SHORE = 0.6
_DEPTH = 0.5
_NEAR_SHORE = Ridge(base=1.0, swing=0.045, length=0.75, rough=0.5, near=1.0)


def water_top() -> float:
    """The share of the picture's height below which nothing behind the water is seen."""
    return _SHORE + OVERLAP


def build_water(stage: Stage, look: Look, random: Random, body_x: float) -> list[Layer]:
    """Water from the far shore to the near one, glinting below `body_x`, a share of the width."""
    top = round(stage.row(_SHORE))
    size = (stage.canvas[0], stage.canvas[1] - top)
    hour = look.hour
    deep = dim(look.ground, 0.35 + 0.65 * look.shade)
    stops = [
        (0.0, mix(hour.haze, hour.light, 0.25)),
        (0.1, mix(hour.haze, deep, 0.45)),
        (0.55, deep),
        (1.0, dim(deep, 0.6)),
    ]
    fill = gradient((stage.width, round(size[1] * MOST_STRETCH) + 2), stops, random)
    return [
        Cutout(stage=stage, mask=Image.new("L", size, 255), top=top, depth=_DEPTH, fill=fill),
        Shimmer(
            stage=stage,
            first=_flecks(size, stage, body_x, random),
            second=_flecks(size, stage, body_x, random),
            top=top,
            depth=_DEPTH,
            color=mix(hour.light, (255, 255, 255), 0.2),
            speed=stage.width * 0.012,
        ),
        *build_ridge(stage, look, _NEAR_SHORE, 2.0, random),
    ]


def _flecks(size: tuple[int, int], stage: Stage, body_x: float, random: Random) -> Image.Image:
    """Flat ellipses, longer towards the viewer, crowding under the light."""
    width, height = size
    field = Image.new("L", size, 0)
    draw = ImageDraw.Draw(field)
    middle = stage.column(body_x)
    for _ in range(2600):
        near = random.random() ** 1.4
        lane = (random.random() + random.random() - 1) * stage.unit * (0.1 + 0.45 * near)
        x = middle + lane if random.random() < 0.62 else random.random() * width
        y = near * height
        long, thick = stage.unit * (0.006 + 0.05 * near), max(1.0, stage.unit * (0.0012 + 0.006 * near))
        away = min(1.0, abs(x - middle) / (stage.unit * (0.25 + 0.5 * near)))
        draw.ellipse((x - long, y - thick / 2, x + long, y + thick / 2), fill=round(250 - 165 * away))
    return field
