"""Small drawing tools: dithered gradients, glows, noise and outlines."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random

from PIL import Image, ImageDraw

from anyvideo_local.stage import Color

Point = tuple[float, float]
_RIM = 178  # Image.radial_gradient reaches 255 in the corners and this at the middle of a side


def mix(first: Color, second: Color, share: float) -> Color:
    """`share` 0 gives the first colour, 1 the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def dim(color: Color, factor: float) -> Color:
    """Darker by `factor`."""
    return mix((0, 0, 0), color, factor)


def gradient(size: tuple[int, int], stops: Sequence[tuple[float, Color]], random: Random) -> Image.Image:
    """A vertical gradient, dithered so that no band shows. `stops` go from 0 (top) to 1."""
    width, height = size
    noise = random.randbytes(width + 251)
    bands = []
    for channel in range(3):
        rows = []
        for y in range(height):
            value = _between(stops, y / max(1, height - 1), channel)
            base, above = int(value), min(255, int(value) + 1)
            edge = round((value - base) * 256)
            start = y * 97 % 251
            table = bytes([above] * edge + [base] * (256 - edge))
            rows.append(noise[start : start + width].translate(table))
        bands.append(Image.frombytes("L", size, b"".join(rows)))
    return Image.merge("RGB", bands)


def _between(stops: Sequence[tuple[float, Color]], at: float, channel: int) -> float:
    before = stops[0]
    for stop in stops:
        if at <= stop[0]:
            span = stop[0] - before[0]
            share = (at - before[0]) / span if span else 0.0
            return before[1][channel] + (stop[1][channel] - before[1][channel]) * share
        before = stop
    return float(before[1][channel])


def glow(radius: int, power: float, strength: float = 1.0) -> Image.Image:
    """A round L mask, brightest in the middle, `2 * radius` pixels wide."""
    table = [round(255 * strength * max(0.0, 1 - distance / _RIM) ** power) for distance in range(256)]
    side = max(2, 2 * radius)
    return Image.radial_gradient("L").resize((side, side), Image.Resampling.BICUBIC).point(table)


def disc(radius: float) -> Image.Image:
    """A filled round L mask with a soft edge."""
    side = max(2, round(2 * radius))
    big = Image.new("L", (side * 4, side * 4), 0)
    ImageDraw.Draw(big).ellipse((2, 2, side * 4 - 3, side * 4 - 3), fill=255)
    return big.reduce(4)


def clouds(size: tuple[int, int], amount: float, random: Random, *, stretch: float = 3.0) -> Image.Image:
    """An L mask of drifting cloud; `amount` 0 is a clear sky, 1 an overcast one."""
    width, height = size
    total: Image.Image | None = None
    for octave in range(5):
        rows = 2 * 2**octave
        columns = max(3, round(rows * width / height / stretch))
        cells = Image.frombytes("L", (columns, rows), random.randbytes(columns * rows))
        layer = cells.resize(size, Image.Resampling.BICUBIC)
        total = layer if total is None else Image.blend(total, layer, 0.33)
    if total is None:
        return Image.new("L", size, 0)
    threshold = 150 - 45 * amount
    return total.point([round(max(0.0, min(1.0, (value - threshold) / 70)) * 235) for value in range(256)])


def crest_line(
    width: int, base: float, swing: float, length: float, rough: float, random: Random, *, sharp: bool = False
) -> Callable[[float], float]:
    """A skyline: the row of the crest for a column. `length` is how long its waves are, in pixels;
    `sharp` makes peaks of them.
    """
    octaves = []
    amplitude, cell = 1.0, max(2.0, length)
    total = 0.0
    while cell >= 2.0 and amplitude > 0.02:
        octaves.append((amplitude, cell, [random.random() * 2 - 1 for _ in range(int(width / cell) + 3)]))
        total += amplitude
        amplitude, cell = amplitude * rough, cell / 2.1

    def crest(x: float) -> float:
        height = 0.0
        for amplitude, cell, lattice in octaves:
            index, share = divmod(max(0.0, min(float(width), x)) / cell, 1.0)
            smooth = (1 - math.cos(share * math.pi)) / 2
            left, right = lattice[int(index)], lattice[int(index) + 1]
            wave = left + (right - left) * smooth
            height += amplitude * (0.7 - 2 * abs(wave) if sharp else wave)
        return base - swing * height / total * 1.5

    return crest


def outline(
    size: tuple[int, int], crest: Callable[[float], float], top: int
) -> tuple[Image.Image, list[Point]]:
    """An L mask, twice as large as `size`, filled below `crest`; `top` is the canvas row of its first row."""
    width, height = size
    points = [(x * 2.0, (crest(x) - top) * 2) for x in range(0, width + 3, 2)]
    mask = Image.new("L", (width * 2, height * 2), 0)
    ImageDraw.Draw(mask).polygon([*points, (width * 2 + 4, height * 2), (0, height * 2)], fill=255)
    return mask, points
