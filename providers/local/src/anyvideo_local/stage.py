"""The canvas that layers are drawn on, larger than the picture, and the window that the camera sees."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from PIL.Image import Image

Color = tuple[int, int, int]
Box = tuple[float, float, float, float]

_MARGIN_X = 0.17
_MARGIN_Y = 0.12


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Where the camera is: `zoom` is at least 1, `x` and `y` are off centre in widths and heights."""

    zoom: float
    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Picture rows `row` to `row + rows`, and the part of a layer's canvas to be seen there."""

    row: int
    rows: int
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A picture of `width` by `height` pixels and the canvas around it."""

    width: int
    height: int

    @property
    def canvas(self) -> tuple[int, int]:
        """Size of a layer's whole canvas in pixels."""
        return math.ceil(self.width * (1 + 2 * _MARGIN_X)), math.ceil(self.height * (1 + 2 * _MARGIN_Y))

    @property
    def unit(self) -> float:
        """The shorter side, by which things are sized."""
        return min(self.width, self.height)

    def row(self, share: float) -> float:
        """The canvas row that lies at `share` of the picture's height when the camera rests."""
        return self.canvas[1] / 2 + (share - 0.5) * self.height

    def column(self, share: float) -> float:
        """The canvas column that lies at `share` of the picture's width when the camera rests."""
        return self.canvas[0] / 2 + (share - 0.5) * self.width

    def cut(self, view: View, depth: float, top: int, bottom: int, drift: float = 0.0) -> Cut | None:
        """What is seen of a layer whose image covers canvas rows `top` to `bottom`.

        `depth` is 0 for what is infinitely far and does not move, 1 for the nearest layer.
        """
        zoom = 1 + (view.zoom - 1) * depth
        width, height = self.canvas
        across = width / 2 + view.x * depth * self.width + drift
        down = height / 2 + view.y * depth * self.height
        first = max(0, math.ceil((top - down) * zoom + self.height / 2 - 1e-6))
        last = min(self.height, math.floor((bottom - down) * zoom + self.height / 2 + 1e-6))
        if last <= first:
            return None
        half = self.width / 2 / zoom
        upper = (first - self.height / 2) / zoom + down - top
        lower = (last - self.height / 2) / zoom + down - top
        box = (max(0.0, across - half), max(0.0, upper), min(width, across + half), min(bottom - top, lower))
        return Cut(row=first, rows=last - first, box=box)


class Layer(Protocol):
    """One thing in a scene, drawn over what is already there."""

    def draw(self, picture: Image, view: View, seconds: float) -> None: ...
