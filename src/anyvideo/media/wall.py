"""One picture that shows many clips."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from anyvideo.media.mp4 import read_mp4
from anyvideo.media.sheet import _spread
from anyvideo.types.errors import MediaError, MissingExtra

_GAP = 4
_COLUMNS = 4
_FEW = 12
_PAPER = (18, 18, 20)


def clip_wall(
    videos: Sequence[str | os.PathLike[str]], png_path: str | os.PathLike[str], *, width: int = 1280
) -> None:
    """Write a PNG with a row of four frames for each clip; of more than twelve clips, one frame each.

    Raises `MediaError` when a clip cannot be decoded, `MissingExtra` without PyAV or Pillow.
    """
    try:
        import av  # noqa: F401 - asked for by its own name
        from av.error import FFmpegError
        from PIL import Image
    except ImportError as error:
        raise MissingExtra("media", "drawing a contact sheet") from error
    each = _COLUMNS if len(videos) <= _FEW else 1
    tile = (width - _GAP * (_COLUMNS + 1)) // _COLUMNS
    high = tile * 9 // 16
    rows = -(-len(videos) * each // _COLUMNS)
    wall = Image.new("RGB", (width, (high + _GAP) * rows + _GAP), _PAPER)
    for number, video in enumerate(videos):
        path = Path(video)
        try:
            for place, picture in enumerate(_spread(path, read_mp4(path), each), number * each):
                row, column = divmod(place, _COLUMNS)
                picture.thumbnail((tile, high), Image.Resampling.LANCZOS)
                left = _GAP + column * (tile + _GAP) + (tile - picture.width) // 2
                wall.paste(picture, (left, _GAP + row * (high + _GAP) + (high - picture.height) // 2))
        except FFmpegError as error:
            raise MediaError(f"could not decode {path.name}: {error}") from error
    part = Path(png_path).with_name(Path(png_path).name + ".part")
    try:
        wall.save(part, format="PNG")
        part.replace(png_path)
    finally:
        part.unlink(missing_ok=True)
