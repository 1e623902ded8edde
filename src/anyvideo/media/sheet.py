"""One picture that shows a whole clip."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from anyvideo.media.mp4 import Mp4Info, read_mp4
from anyvideo.types.errors import MediaError, MissingExtra

if TYPE_CHECKING:
    import av
    from PIL.Image import Image

_GAP = 4
_PAPER = (18, 18, 20)


def contact_sheet(
    video_path: str | os.PathLike[str],
    png_path: str | os.PathLike[str],
    *,
    columns: int = 4,
    rows: int = 2,
    width: int = 1280,
) -> None:
    """Write a PNG of `columns` by `rows` frames spread evenly over the clip, `width` pixels wide.

    The clip is decoded once, frame by frame, and only the tiles are kept. Raises `MediaError` when
    the file is no MP4 that can be decoded or the tiles would have no pixels, `MissingExtra` without
    PyAV or Pillow.
    """
    try:
        import av  # noqa: F401 - asked for by its own name
        from av.error import FFmpegError
        from PIL import Image
    except ImportError as error:
        raise MissingExtra("media", "drawing a contact sheet") from error
    facts = read_mp4(video_path)
    tile_width = (width - _GAP * (columns + 1)) // columns if columns > 0 else 0
    tile_height = round(tile_width * facts.height / facts.width)
    if rows < 1 or tile_width < 1 or tile_height < 1:
        raise MediaError(f"cannot draw {columns}x{rows} frames into a sheet {width} pixels wide")
    sheet = Image.new("RGB", (width, (tile_height + _GAP) * rows + _GAP), _PAPER)
    try:
        for place, picture in enumerate(_spread(Path(video_path), facts, columns * rows)):
            row, column = divmod(place, columns)
            at = (_GAP + column * (tile_width + _GAP), _GAP + row * (tile_height + _GAP))
            sheet.paste(
                picture.resize((tile_width, tile_height), Image.Resampling.LANCZOS, reducing_gap=3.0), at
            )
    except FFmpegError as error:
        raise MediaError(f"could not decode {Path(video_path).name}: {error}") from error
    destination = Path(png_path)
    part = destination.with_name(destination.name + ".part")
    try:
        sheet.save(part, format="PNG")
        part.replace(destination)
    finally:
        part.unlink(missing_ok=True)


def _spread(path: Path, facts: Mp4Info, count: int) -> Iterator[Image]:
    """The frames on screen in the middle of each of `count` equal stretches of the clip."""
    import av

    middles = [(place + 0.5) * facts.duration / count for place in range(count)]
    shown: av.VideoFrame | None = None
    with path.open("rb") as file, av.open(file, "r", format="mp4") as container:
        for frame in container.decode(video=0):
            while shown is not None and middles and (frame.time or 0.0) > middles[0] + 1e-6:
                yield _upright(shown)
                middles.pop(0)
            shown = frame
            if not middles:
                return
        if shown is None:
            raise MediaError(f"{path.name} holds no frame that can be decoded")
        for _ in middles:
            yield _upright(shown)


def _upright(frame: av.VideoFrame) -> Image:
    picture: Image = frame.to_image()  # type: ignore[no-untyped-call]
    return picture.rotate(frame.rotation, expand=True) if frame.rotation else picture
