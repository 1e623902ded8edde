"""`[model.shape]` becomes sizes."""

from __future__ import annotations

import math

from anyvideo.catalog.spec import Shape, Size
from anyvideo.catalog.table import Table
from anyvideo.types.errors import InvalidRequest
from anyvideo.types.request import Task, VideoRequest, ratio_value

WIDE = 16 / 9
KEEPS = ("area", "short_side", "unknown")

_NAMED_LINES = {"2k": 1440, "4k": 2160}


def lines(resolution: str) -> int:
    """`"720p"` as 720, `"4k"` as 2160: what resolutions are ordered by."""
    return _NAMED_LINES[resolution] if resolution in _NAMED_LINES else int(resolution.removesuffix("p"))


def read_shape(t: Table) -> Shape:
    """The shape in a table. Raises CatalogError.

    Either `ratios` and `resolutions`, each with the input that asks for it, or one `size` row for each.
    `keeps` says what the other ratios have in common with 16:9: its area or its short side. Where that is
    "unknown", the larger of the two stands in, so that no price per pixel comes out too low. Without it,
    pixels are not known at all.
    """
    if t.has("size") == t.has("ratios"):
        t.fail("size", "must be given, or ratios and resolutions, and not both")
    sizes = _rows(t) if t.has("size") else _grid(t)
    shape = Shape(
        sizes=sizes,
        default_ratio=t.text("default_ratio"),
        default_resolution=t.text("default_resolution"),
        follows_image=t.flag("follows_image") if t.has("follows_image") else False,
        following=t.words("following") if t.has("following") else {},
        crops=t.flag("crops") if t.has("crops") else False,
    )
    t.done()
    if not any(
        size.ratio == shape.default_ratio and size.resolution == shape.default_resolution for size in sizes
    ):
        t.fail("default_ratio", "and default_resolution name no size of this model")
    return shape


def _rows(t: Table) -> tuple[Size, ...]:
    sizes = []
    for row in t.tables("size"):
        _check_words(row, "ratio", row.text("ratio"), row.text("resolution"))
        pixels = row.numbers("pixels") if row.has("pixels") else ()
        if len(pixels) not in (0, 2):
            row.fail("pixels", "must be width and height")
        sizes.append(
            Size(
                ratio=row.text("ratio"),
                resolution=row.text("resolution"),
                pixels=(int(pixels[0]), int(pixels[1])) if pixels else None,
                inputs=row.words("inputs") if row.has("inputs") else {},
                tasks=frozenset(Task(word) for word in row.choices("tasks", tuple(Task)))
                if row.has("tasks")
                else frozenset(),
            )
        )
        row.done()
    return tuple(sizes)


def _grid(t: Table) -> tuple[Size, ...]:
    keeps = t.choice("keeps", KEEPS) if t.has("keeps") else None
    ratio_input = t.text("ratio_input") if t.has("ratio_input") else None
    resolution_input = t.text("resolution_input") if t.has("resolution_input") else None
    sizes = []
    for resolution in t.texts("resolutions"):
        for ratio in t.texts("ratios"):
            _check_words(t, "ratios", ratio, resolution)
            inputs = {ratio_input: ratio, resolution_input: resolution}
            sizes.append(
                Size(
                    ratio=ratio,
                    resolution=resolution,
                    pixels=_pixels(ratio, resolution, keeps),
                    inputs={name: word for name, word in inputs.items() if name is not None},
                )
            )
    return tuple(sizes)


def _check_words(t: Table, key: str, ratio: str, resolution: str) -> None:
    try:
        VideoRequest(prompt="a shape", aspect_ratio=ratio, resolution=resolution)
    except InvalidRequest as error:
        t.fail(key, f"has a shape that nobody can ask for: {error.message}")


def _pixels(ratio: str, resolution: str, keeps: str | None) -> tuple[int, int] | None:
    """Width and height, each even, as encoders need them."""
    if keeps is None:
        return None
    value = float(ratio_value(ratio))
    short = lines(resolution)
    heights = {
        "area": math.sqrt(short * short * WIDE / value),
        "short_side": short if value >= 1 else short / value,
    }
    height = heights.get(keeps) or max(heights.values())
    return _even(height * value), _even(height)


def _even(length: float) -> int:
    return 2 * round(length / 2)
