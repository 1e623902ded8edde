"""Which size of a model answers the ratio and the resolution that were asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from anyvideo.catalog.shape import lines
from anyvideo.catalog.spec import Shape, Size
from anyvideo.routing.notes import Impossible, Notes
from anyvideo.types.request import VideoRequest, ratio_value


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedShape:
    """`ratio` and `pixels` are None where the picture decides them."""

    ratio: str | None
    resolution: str
    pixels: tuple[int, int] | None
    inputs: Mapping[str, str]


def fit_shape(request: VideoRequest, shape: Shape, notes: Notes) -> FittedShape:
    """The size to ask for. Raises Impossible for a ratio that the model does not make."""
    sizes = [size for size in shape.sizes if not size.tasks or request.task in size.tasks]
    if request.image is not None and shape.follows_image:
        listed = _with_ratio(sizes, request.aspect_ratio)
        if not (shape.crops and listed):
            return _following(request, shape, sizes, notes)
        sizes = listed
    else:
        sizes = _with_ratio(sizes, request.aspect_ratio or shape.default_ratio)
        if not sizes:
            _turn_down(request, shape)
    size = _with_resolution(sizes, request.resolution, shape.default_resolution, notes)
    return FittedShape(
        ratio=size.ratio, resolution=size.resolution, pixels=size.pixels, inputs=dict(size.inputs)
    )


def _following(request: VideoRequest, shape: Shape, sizes: Sequence[Size], notes: Notes) -> FittedShape:
    if request.aspect_ratio is not None:
        notes.add(
            "aspect_ratio", request.aspect_ratio, "the picture's own", "this model keeps the picture's ratio"
        )
    usual = [size for size in sizes if size.ratio == shape.default_ratio]
    size = _with_resolution(usual, request.resolution, shape.default_resolution, notes)
    return FittedShape(
        ratio=None, resolution=size.resolution, pixels=None, inputs={**size.inputs, **shape.following}
    )


def _with_ratio(sizes: Sequence[Size], ratio: str | None) -> list[Size]:
    if ratio is None:
        return []
    return [size for size in sizes if ratio_value(size.ratio) == ratio_value(ratio)]


def _turn_down(request: VideoRequest, shape: Shape) -> NoReturn:
    ratios = dict.fromkeys(size.ratio for size in shape.sizes if not size.tasks or request.task in size.tasks)
    raise Impossible(f"makes {', '.join(ratios)}, not {request.aspect_ratio}", "aspect_ratio")


def _with_resolution(sizes: Sequence[Size], asked: str | None, default: str, notes: Notes) -> Size:
    """The size with the resolution asked for, else the nearest lower one, else the nearest higher one."""
    wanted = lines(asked or default)
    ordered = sorted(sizes, key=lambda size: lines(size.resolution))
    lower = [size for size in ordered if lines(size.resolution) <= wanted]
    size = lower[-1] if lower else ordered[0]
    if asked is not None and lines(size.resolution) != wanted:
        notes.add("resolution", asked, size.resolution, "nearest that this model makes")
    return size
