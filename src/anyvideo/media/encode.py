"""Frames in, an H.264 MP4 out: the same bytes for the same frames and the same codec build."""

from __future__ import annotations

import os
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from anyvideo.types.errors import MediaError, MissingExtra

if TYPE_CHECKING:
    import av
    from av.container import OutputContainer
    from av.video.reformatter import VideoReformatter
    from av.video.stream import VideoStream
    from PIL.Image import Image

_MUXER = {"movflags": "+faststart", "fflags": "+bitexact", "movie_timescale": "90000"}
_CODEC = {
    "preset": "superfast",
    "crf": "20",
    "x264-params": "threads=1:lookahead-threads=1:sliced-threads=0:aq-mode=1:aq-strength=1.0",
    "flags": "+bitexact",
}
_MOST_FPS = 240
_MOST_SIDE = 16_384


def encode_mp4(
    path: str | os.PathLike[str],
    frames: Iterable[Image | bytes],
    *,
    width: int,
    height: int,
    fps: float,
) -> int:
    """Write `frames` as H.264, yuv420p, BT.709, with the index in front; returns how many there were.

    A frame is a PIL image of `width` by `height`, or that many RGB bytes; they are taken one at a
    time. Width and height are even, `fps` is at most 240. The file appears under its name only when
    it is whole: until then it is `<path>.part`, which a failure removes.

    Raises `MediaError` for sizes, rates or frames that cannot be encoded, `MissingExtra` without PyAV.
    """
    try:
        import av
        from av.error import FFmpegError
    except ImportError as error:
        raise MissingExtra("media", "encoding video") from error
    rate = exact_rate(fps)
    if width % 2 or height % 2 or not (0 < width <= _MOST_SIDE and 0 < height <= _MOST_SIDE):
        raise MediaError(
            f"cannot encode {width}x{height}: H.264 in yuv420p needs even sides of 2 to {_MOST_SIDE}"
        )
    destination = Path(path)
    part = destination.with_name(destination.name + ".part")
    try:
        with av.open(str(part), "w", format="mp4", options=_MUXER) as container:
            count = _write(container, frames, width, height, rate)
        part.replace(destination)
    except FFmpegError as error:
        raise MediaError(f"could not encode {destination.name}: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    return count


def exact_rate(fps: float) -> Fraction:
    """Frames per second as a ratio: 23.976 and 29.97 mean 24000/1001 and 30000/1001."""
    if not 0 < fps <= _MOST_FPS:
        raise MediaError(f"cannot encode {fps} frames per second: it must be above 0 and at most {_MOST_FPS}")
    broadcast = Fraction(round(fps) * 1000, 1001)
    if broadcast and abs(fps - broadcast) < 0.002:
        return broadcast
    return max(Fraction(fps).limit_denominator(1001), Fraction(1, 1001))


def _write(
    container: OutputContainer, frames: Iterable[Image | bytes], width: int, height: int, rate: Fraction
) -> int:
    from av.video.reformatter import VideoReformatter

    stream = _add_stream(container, width, height, rate)
    converter = VideoReformatter()
    count = 0
    for count, frame in enumerate(frames, start=1):
        picture = _picture(converter, frame, width, height)
        picture.pts, picture.time_base = count - 1, 1 / rate
        container.mux(stream.encode(picture))
    if not count:
        raise MediaError("cannot encode a video without frames")
    container.mux(stream.encode(None))
    return count


def _add_stream(container: OutputContainer, width: int, height: int, rate: Fraction) -> VideoStream:
    from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

    stream = container.add_stream("libx264", rate=rate, options=_CODEC)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    context = stream.codec_context
    context.time_base = stream.time_base = 1 / rate
    context.thread_count = 1
    context.gop_size = max(1, round(2 * rate))
    context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
    context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
    return stream


def _picture(converter: VideoReformatter, frame: Image | bytes, width: int, height: int) -> av.VideoFrame:
    import av
    from av.video.reformatter import ColorRange, Colorspace

    data = frame if isinstance(frame, bytes) else _rgb_bytes(frame, width, height)
    if len(data) != width * height * 3:
        raise MediaError(
            f"a frame has {len(data)} bytes where {width}x{height} RGB needs {width * height * 3}"
        )
    picture = av.VideoFrame(width, height, "rgb24")
    plane = picture.planes[0]
    row = width * 3
    if plane.line_size != row:
        padding = bytes(plane.line_size - row)
        data = b"".join(data[at : at + row] + padding for at in range(0, len(data), row))
    plane.update(data)
    return converter.reformat(
        picture,
        format="yuv420p",
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
        threads=1,
    )


def _rgb_bytes(image: Image, width: int, height: int) -> bytes:
    if image.size != (width, height):
        raise MediaError(f"a frame is {image.width}x{image.height}, not {width}x{height}")
    return (image if image.mode == "RGB" else image.convert("RGB")).tobytes()
