"""A clip measured by decoding it: the proof that it plays, beside what its boxes claim."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from anyvideo.types.errors import MediaError

if TYPE_CHECKING:
    from av.container import InputContainer

_LOST = 2
"""Frames that an encoder's last packets may keep to themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What decoding showed: frames, seconds, frames per second, pixels as shown, whether there is sound."""

    frames: int
    duration: float
    fps: float
    width: int
    height: int
    audio: bool


def measure(path: str | os.PathLike[str]) -> Measured | None:
    """Decode an MP4 file whole and count; None without PyAV, or where it has no decoder for the codec.

    The file is handed over open and as MP4, so nothing in it can name another file or address. Raises
    `MediaError` when a frame cannot be decoded or is damaged, `OSError` when the file cannot be read.
    """
    try:
        import av
    except ImportError:
        return None
    from av.error import DecoderNotFoundError, FFmpegError

    name = Path(path).name
    try:
        with Path(path).open("rb") as file, av.open(file, "r", format="mp4") as container:
            if not container.streams.video:
                raise MediaError(f"{name} holds no video track")
            return _decoded(container, name)
    except DecoderNotFoundError:
        return None
    except FFmpegError as error:
        raise MediaError(f"{name} is damaged: {error.strerror}") from error


def _decoded(container: InputContainer, name: str) -> Measured:
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    packets = frames = 0
    turned, first, last, span = False, None, 0, 0
    for packet in container.demux(stream):
        packets += packet.size > 0
        for frame in packet.decode():
            if frame.is_corrupt:
                raise MediaError(f"{name} is damaged: a frame could not be decoded whole")
            frames += 1
            turned = frame.rotation % 180 != 0
            if frame.pts is not None:
                first = frame.pts if first is None else min(first, frame.pts)
                last, span = max(last, frame.pts), frame.duration or span
    if not frames or frames + _LOST < packets:
        raise MediaError(f"{name} is damaged: {frames} of {packets} frames could be decoded")
    base = float(stream.time_base or 1)
    rate = float(stream.average_rate or 0)
    duration = (last - (first or 0) + span) * base
    if duration <= 0:
        duration = frames / rate if rate else 0.0
    width, height = stream.width, stream.height
    return Measured(
        frames=frames,
        duration=duration,
        fps=frames / duration if duration else rate,
        width=height if turned else width,
        height=width if turned else height,
        audio=bool(container.streams.audio),
    )
