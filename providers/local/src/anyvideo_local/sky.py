"""The sky: its gradient, what hangs in it, stars and clouds."""

from __future__ import annotations

from random import Random

from PIL import Image, ImageDraw

from anyvideo_local.layers import Backdrop, Cutout, plain
from anyvideo_local.look import Look
from anyvideo_local.paint import clouds, disc, glow, gradient, mix
from anyvideo_local.stage import Color, Layer, Stage

_DEPTH = 0.18


def build_sky(stage: Stage, look: Look, random: Random, *, body_x: float, bottom: float) -> list[Layer]:
    """Layers down to the share `bottom` of the picture's height; `body_x` is where the sun or moon stands."""
    hour = look.hour
    size = (stage.canvas[0], min(stage.canvas[1], round(stage.row(bottom))))
    zenith, middle, horizon = hour.sky
    stops = [(0.0, zenith), (0.55, middle), (0.92, horizon), (1.0, hour.haze)]
    image = gradient(size, stops, random)
    _stars(image, hour.stars, stage, random)
    space = look.terrain == "space"
    if space:
        image.paste(hour.cloud, (0, 0), _faded(clouds(size, 0.5, random, stretch=1.3), 0.6))
    at = (stage.column(body_x), stage.row(hour.body_height))
    _BODIES[hour.body](image, at, stage.unit, hour.light)
    layers: list[Layer] = [Backdrop(stage=stage, image=image, depth=_DEPTH)]
    if hour.clouds and not space:
        layers.append(_cloud_layer(stage, look, random, size[1]))
    return layers


def _stars(image: Image.Image, amount: float, stage: Stage, random: Random) -> None:
    width, height = image.size
    for _ in range(round(260 * amount * width * height / (stage.width * stage.height))):
        x, y = random.random() * width, random.random() ** 1.3 * height * 0.9
        bright = random.random() ** 3
        mask = glow(max(1, round(stage.unit * (0.0016 + 0.003 * bright))), 1.1, 0.35 + 0.65 * bright)
        tint = mix((190, 210, 255), (255, 236, 214), random.random())
        image.paste(tint, (round(x), round(y)), mask)


def _cloud_layer(stage: Stage, look: Look, random: Random, height: int) -> Cutout:
    width = stage.canvas[0]
    cover = clouds((width, height), look.hour.clouds, random, stretch=3.2)
    fade = Image.linear_gradient("L").resize((width, height), Image.Resampling.BICUBIC)
    table = [round(255 * min(1.0, max(0.0, 1.25 - abs(value - 120) / 120))) for value in range(256)]
    mask = Image.composite(cover, Image.new("L", cover.size, 0), fade.point(table))
    return Cutout(
        stage=stage,
        mask=_faded(mask, 0.55 if look.hour.clouds < 1 else 0.75),
        top=0,
        depth=0.28,
        fill=plain(stage, height, look.hour.cloud),
        drift=stage.width * 0.006,
    )


def _faded(mask: Image.Image, opacity: float) -> Image.Image:
    return mask.point([round(value * opacity) for value in range(256)])


def _sun(image: Image.Image, at: tuple[float, float], unit: float, light: Color) -> None:
    for radius, power, strength in ((0.95, 2.0, 0.42), (0.4, 2.0, 0.6), (0.14, 1.5, 0.7)):
        _stamp(image, at, mix(light, (255, 214, 150), 0.3), glow(round(unit * radius), power, strength))
    _stamp(image, at, mix(light, (255, 255, 255), 0.6), disc(unit * 0.058))


def _moon(image: Image.Image, at: tuple[float, float], unit: float, light: Color) -> None:
    _stamp(image, at, light, glow(round(unit * 0.5), 2.2, 0.35))
    _stamp(image, at, light, glow(round(unit * 0.13), 1.6, 0.5))
    _stamp(image, at, mix(light, (255, 255, 255), 0.5), disc(unit * 0.055))
    for across, down, size in ((-0.02, -0.012, 0.014), (0.014, 0.016, 0.018), (0.022, -0.02, 0.009)):
        _stamp(
            image,
            (at[0] + unit * across, at[1] + unit * down),
            (110, 124, 160),
            _faded(disc(unit * size), 0.15),
        )


def _ember_glow(image: Image.Image, at: tuple[float, float], unit: float, light: Color) -> None:
    _stamp(image, at, (255, 120, 40), glow(round(unit * 1.1), 1.6, 0.7))
    _stamp(image, at, light, glow(round(unit * 0.5), 1.8, 0.75))


def _planet(image: Image.Image, at: tuple[float, float], unit: float, light: Color) -> None:
    radius = unit * 0.24
    body = disc(radius)
    side = body.width
    _stamp(image, at, (120, 150, 255), glow(round(radius * 1.35), 1.0, 0.4))
    face = Image.new("RGB", body.size, (42, 52, 104))
    draw = ImageDraw.Draw(face)
    for index in range(9):
        row = side * index / 9
        draw.rectangle(
            (0, row, side, row + side / 9), fill=mix((96, 84, 168), (226, 150, 150), index * 5 % 9 / 9)
        )
    face = face.resize((side, max(2, side // 9))).resize((side, side), Image.Resampling.BICUBIC)
    lit = glow(round(side * 0.85), 0.75).crop((0, 0, side, side)).transpose(Image.Transpose.ROTATE_180)
    shaded = Image.composite(face, Image.new("RGB", body.size, (10, 10, 30)), lit)
    image.paste(shaded, (round(at[0] - side / 2), round(at[1] - side / 2)), body)
    ring = Image.new("L", (side * 4, side * 4), 0)
    draw_ring = ImageDraw.Draw(ring)
    for offset, shade in ((0, 150), (0.12, 90)):
        draw_ring.ellipse(
            (side * offset * 2, side * (1.62 + offset), side * (4 - offset * 2), side * (2.38 - offset)),
            outline=shade,
            width=max(2, side // 14),
        )
    front = ring.rotate(14).reduce(2)
    behind = Image.new("L", front.size, 0)
    behind.paste(body, ((front.width - side) // 2, (front.height - side) // 2))
    upper = Image.new("L", front.size, 0)
    ImageDraw.Draw(upper).polygon(
        [(0, 0), (front.width, 0), (front.width, front.height * 0.38), (0, front.height * 0.62)], fill=255
    )
    hidden = Image.composite(behind, Image.new("L", front.size, 0), upper)
    front.paste(0, (0, 0), hidden)
    _stamp(image, at, light, front)


def _nothing(image: Image.Image, at: tuple[float, float], unit: float, light: Color) -> None:
    _stamp(image, at, light, glow(round(unit * 0.9), 2.0, 0.35))


def _stamp(image: Image.Image, at: tuple[float, float], color: Color, mask: Image.Image) -> None:
    image.paste(color, (round(at[0] - mask.width / 2), round(at[1] - mask.height / 2)), mask)


_BODIES = {"sun": _sun, "moon": _moon, "glow": _ember_glow, "planet": _planet, "none": _nothing}
