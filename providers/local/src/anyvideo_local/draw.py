"""An animatic: a real video file that sketches what was asked for and says that it is a sketch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from anyvideo.media import encode_mp4
from anyvideo.types.errors import MediaError, MissingExtra

if TYPE_CHECKING:
    from PIL.Image import Image

    from anyvideo_local.camera import Move
    from anyvideo_local.caption import Overlay
    from anyvideo_local.picture import Photo
    from anyvideo_local.scene import Scene

_LEAST_SIDE = 32
_MOST_SIDE = 4096
_MOST_FRAMES = 36_000


def draw_animatic(
    path: Path,
    *,
    prompt: str | None,
    image: bytes | None,
    duration: float,
    fps: float,
    width: int,
    height: int,
    seed: int,
) -> None:
    """Write an H.264 MP4 of `round(duration * fps)` frames of `width` by `height` pixels.

    The camera moves as the prompt's words say, else as the seed decides, over the given image, or
    over a landscape drawn from the prompt. The prompt is the caption; a label names the clip an
    animatic. The same arguments give the same bytes. `duration` is in seconds; width and height are even.

    Raises `MediaError` for an image that cannot be used or a size or length that cannot be drawn,
    `MissingExtra` without Pillow or PyAV.
    """
    count = _frame_count(duration, fps)
    if not (_LEAST_SIDE <= width <= _MOST_SIDE and _LEAST_SIDE <= height <= _MOST_SIDE):
        raise MediaError(
            f"cannot draw {width}x{height}: each side must be {_LEAST_SIDE} to {_MOST_SIDE} pixels"
        )
    try:
        from anyvideo_local.camera import choose_move
        from anyvideo_local.caption import build_overlay
        from anyvideo_local.picture import Photo
        from anyvideo_local.scene import Scene
        from anyvideo_local.stage import Stage
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "PIL":
            raise
        raise MissingExtra("media", "drawing an animatic") from error
    words = prompt or ""
    random = Random(f"{seed}\n{words}".encode("utf-8", "surrogatepass"))
    stage = Stage(width=width, height=height)
    move = choose_move(words, random)
    content = Scene(stage, words, random) if image is None else Photo(stage, image, move)
    overlay = build_overlay(stage, prompt, vignette=image is None)
    encode_mp4(path, _frames(content, move, overlay, count, fps), width=width, height=height, fps=fps)


def _frame_count(duration: float, fps: float) -> int:
    if not (0 < duration * fps <= _MOST_FRAMES):
        raise MediaError(
            f"cannot draw {duration} s at {fps} frames per second: at most {_MOST_FRAMES} frames"
        )
    count = round(duration * fps)
    if not count:
        raise MediaError(f"cannot draw {duration} s at {fps} frames per second: that is less than one frame")
    return count


def _frames(content: Scene | Photo, move: Move, overlay: Overlay, count: int, fps: float) -> Iterator[Image]:
    for index in range(count):
        seconds = index / fps
        picture = content.frame(move.at(index / max(1, count - 1), seconds), seconds)
        overlay.draw(picture)
        yield picture
