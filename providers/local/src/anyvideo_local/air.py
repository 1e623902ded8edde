"""What floats, falls or rises in front of a scene."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from PIL import Image, ImageDraw

from anyvideo_local.paint import disc, glow
from anyvideo_local.stage import Color, Stage, View

_SHADES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Grain:
    """One particle: shares of the picture, of a picture a second, and radians."""

    x: float
    y: float
    fall: float
    drift: float
    sway: float
    phase: float
    depth: float
    size: int
    color: Color


@dataclass(frozen=True, slots=True, kw_only=True)
class Air:
    """All particles of a scene. `sprites` holds, for each size, the mask in rising brightness."""

    stage: Stage
    grains: tuple[Grain, ...]
    sprites: tuple[tuple[Image.Image, ...], ...]
    pulse: float

    def draw(self, picture: Image.Image, view: View, seconds: float) -> None:
        width, height = self.stage.width, self.stage.height
        for grain in self.grains:
            shades = self.sprites[grain.size]
            beat = 1 - self.pulse * (0.5 + 0.5 * math.sin(grain.phase + seconds * (1.3 + 3 * self.pulse)))
            mask = shades[min(_SHADES - 1, int(beat * _SHADES))]
            sway = grain.sway * math.sin(grain.phase + seconds * 1.4)
            x = (grain.x + grain.drift * seconds + sway - view.x * grain.depth) % 1.2 - 0.1
            y = (grain.y + grain.fall * seconds - view.y * grain.depth) % 1.2 - 0.1
            at = (round(x * width - mask.width / 2), round(y * height - mask.height / 2))
            picture.paste(grain.color, at, mask)


def build_air(kind: str, stage: Stage, random: Random) -> Air | None:
    """The particles of one kind, or None where the air is clear."""
    recipe = _RECIPES.get(kind)
    if recipe is None:
        return None
    shapes = [recipe.shape(stage.unit * size) for size in recipe.sizes]
    sprites = tuple(
        tuple(
            shape.point([round(value * recipe.strength * shade / _SHADES) for value in range(256)])
            for shade in range(1, _SHADES + 1)
        )
        for shape in shapes
    )
    grains = tuple(_grain(recipe, random) for _ in range(recipe.count))
    return Air(stage=stage, grains=grains, sprites=sprites, pulse=recipe.pulse)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recipe:
    count: int
    sizes: tuple[float, ...]
    shape: Callable[[float], Image.Image]
    colors: tuple[Color, ...]
    strength: float
    fall: tuple[float, float]
    drift: tuple[float, float]
    sway: float
    pulse: float


def _grain(recipe: _Recipe, random: Random) -> Grain:
    near = random.random()
    size = min(len(recipe.sizes) - 1, int(near * len(recipe.sizes)))
    slow, fast = recipe.fall
    left, right = recipe.drift
    return Grain(
        x=random.random() * 1.2,
        y=random.random() * 1.2,
        fall=slow + (fast - slow) * near,
        drift=left + (right - left) * random.random(),
        sway=recipe.sway * random.random(),
        phase=random.random() * math.tau,
        depth=0.8 + near,
        size=size,
        color=recipe.colors[int(random.random() * len(recipe.colors))],
    )


def _flake(radius: float) -> Image.Image:
    return glow(max(1, round(radius)), 0.9)


def _spark(radius: float) -> Image.Image:
    halo = glow(max(2, round(radius * 2.2)), 2.2, 0.75)
    core = disc(max(1.0, radius * 0.5))
    halo.paste(255, ((halo.width - core.width) // 2, (halo.height - core.height) // 2), core)
    return halo


def _streak(length: float) -> Image.Image:
    tall = max(3, round(length))
    wide = max(2, round(length * 0.16) + 2)
    big = Image.new("L", (wide * 4, tall * 4), 0)
    ImageDraw.Draw(big).line((wide * 4 - 6, 2, 4, tall * 4 - 2), fill=255, width=5)
    return big.reduce(4)


def _leaf(radius: float) -> Image.Image:
    side = max(2, round(radius * 2))
    big = Image.new("L", (side * 4, side * 4), 0)
    ImageDraw.Draw(big).ellipse((0, side, side * 4 - 1, side * 3), fill=255)
    return big.rotate(35).reduce(4)


_RECIPES = {
    "snow": _Recipe(
        count=150, sizes=(0.0035, 0.005, 0.0075, 0.012), shape=_flake, colors=((255, 255, 255),),
        strength=0.9, fall=(0.05, 0.2), drift=(-0.03, 0.015), sway=0.012, pulse=0.0),
    "rain": _Recipe(
        count=170, sizes=(0.03, 0.045, 0.07), shape=_streak, colors=((214, 224, 240),),
        strength=0.5, fall=(1.1, 1.9), drift=(-0.14, -0.1), sway=0.0, pulse=0.0),
    "embers": _Recipe(
        count=80, sizes=(0.003, 0.005, 0.008), shape=_spark,
        colors=((255, 170, 60), (255, 120, 40), (255, 214, 130)),
        strength=1.0, fall=(-0.06, -0.24), drift=(-0.03, 0.05), sway=0.02, pulse=0.75),
    "fireflies": _Recipe(
        count=34, sizes=(0.0035, 0.005, 0.007), shape=_spark, colors=((255, 236, 150), (214, 255, 170)),
        strength=0.9, fall=(-0.012, 0.012), drift=(-0.012, 0.012), sway=0.02, pulse=0.9),
    "motes": _Recipe(
        count=36, sizes=(0.003, 0.0045, 0.007), shape=_flake, colors=((255, 244, 220),),
        strength=0.5, fall=(-0.015, 0.01), drift=(-0.01, 0.02), sway=0.015, pulse=0.6),
    "petals": _Recipe(
        count=60, sizes=(0.006, 0.009, 0.014), shape=_leaf,
        colors=((255, 196, 208), (244, 150, 170), (240, 170, 90)),
        strength=0.95, fall=(0.05, 0.16), drift=(-0.07, -0.02), sway=0.025, pulse=0.15),
}  # fmt: skip
