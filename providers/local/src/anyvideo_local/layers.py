"""The kinds of layer that a scene is stacked from. Their pictures are drawn once, then resampled."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageChops

from anyvideo_local.stage import Color, Stage, View

MOST_STRETCH = 1.4
_SMOOTH = Image.Resampling.BILINEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class Backdrop:
    """What lies behind everything; `image` covers the canvas from its first row down."""

    stage: Stage
    image: Image.Image
    depth: float

    def draw(self, picture: Image.Image, view: View, seconds: float) -> None:  # noqa: ARG002
        cut = self.stage.cut(view, self.depth, 0, self.image.height)
        if cut is not None:
            size = (self.stage.width, cut.rows)
            picture.paste(self.image.resize(size, _SMOOTH, box=cut.box), (0, cut.row))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutout:
    """A shape: `mask` covers the canvas from row `top`, `fill` paints it, `drift` is in pixels a second.

    `fill` is as wide as the picture and at least as tall as the mask can be seen.
    """

    stage: Stage
    mask: Image.Image
    top: int
    depth: float
    fill: Image.Image
    drift: float = 0.0

    def draw(self, picture: Image.Image, view: View, seconds: float) -> None:
        bottom = self.top + self.mask.height
        cut = self.stage.cut(view, self.depth, self.top, bottom, self.drift * seconds)
        if cut is None:
            return
        mask = self.mask.resize((self.stage.width, cut.rows), _SMOOTH, box=cut.box)
        hidden = max(0, min(int(cut.box[1]), self.fill.height - cut.rows))
        paint = self.fill.crop((0, hidden, self.stage.width, hidden + cut.rows))
        picture.paste(paint, (0, cut.row), mask)


def plain(stage: Stage, rows: int, color: Color) -> Image.Image:
    """A fill of one colour for a mask of `rows`: Pillow pastes an image faster than a bare colour."""
    return Image.new("RGB", (stage.width, round(rows * MOST_STRETCH) + 2), color)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shimmer:
    """Light on water: two fields of flecks slide over each other, and where they meet it glints."""

    stage: Stage
    first: Image.Image
    second: Image.Image
    top: int
    depth: float
    color: Color
    speed: float

    def draw(self, picture: Image.Image, view: View, seconds: float) -> None:
        cut = self.stage.cut(view, self.depth, self.top, self.top + self.first.height)
        if cut is None:
            return
        width, slack = self.stage.width, self.first.width - self.stage.width
        hidden = int(cut.box[1])
        rows = min(cut.rows, self.first.height - hidden)
        slide = int(self.speed * seconds) % max(1, slack // 2)
        left, right = slack // 2 + slide, slack // 2 - slide
        mask = ImageChops.multiply(
            self.first.crop((left, hidden, left + width, hidden + rows)),
            self.second.crop((right, hidden, right + width, hidden + rows)),
        )
        picture.paste(self.color, (0, cut.row, width, cut.row + rows), mask)
