"""Real MP4 files of the length, size and frame rate that were asked for, made once each and kept."""

from __future__ import annotations

import asyncio
import math
import tempfile
import threading
import uuid
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

_BAND: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A video to make: width and height in pixels, frames per second, number of frames."""

    width: int
    height: int
    fps: int
    frames: int

    @classmethod
    def lasting(cls, seconds: float, *, width: int, height: int, fps: int = 24) -> Clip:
        """The clip of `seconds`, sides rounded down to even numbers as H.264 4:2:0 needs."""
        frames = max(1, round(seconds * fps))
        return cls(width=width // 2 * 2, height=height // 2 * 2, fps=fps, frames=frames)

    @classmethod
    def shaped(cls, seconds: float, *, short_side: int, ratio: str, fps: int = 24) -> Clip:
        """The clip of `seconds` whose shorter side is `short_side` pixels, for a ratio such as 16:9."""
        across, down = (int(part) for part in ratio.split(":"))
        longer = round(short_side * max(across, down) / min(across, down))
        width, height = (longer, short_side) if across >= down else (short_side, longer)
        return cls.lasting(seconds, width=width, height=height, fps=fps)

    @property
    def seconds(self) -> float:
        return self.frames / self.fps


class ClipFolder:
    """Encoded clips; `file` encodes off the event loop, one at a time.

    They lie in a folder of their own that goes with them, or in `shared`, which is kept: servers that are
    given the same one encode each clip once.
    """

    def __init__(self, shared: Path | None = None) -> None:
        self._shared = shared
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._closed = threading.Event()
        self._encoding: dict[Clip, asyncio.Task[Path]] = {}
        self._turn: asyncio.Semaphore | None = None

    async def file(self, clip: Clip) -> Path:
        """The finished file, encoded now if nobody asked for this clip before."""
        task = self._encoding.get(clip)
        if task is None:
            task = self._encoding[clip] = asyncio.get_running_loop().create_task(self._encode(clip))
        return await asyncio.shield(task)

    async def _encode(self, clip: Clip) -> Path:
        path = self._path() / f"{clip.width}x{clip.height}-{clip.frames}-{clip.fps}.mp4"
        self._turn = self._turn or asyncio.Semaphore(1)
        async with self._turn:
            if not path.exists():
                await asyncio.to_thread(encode, path, clip, self._closed)
        return path

    def _path(self) -> Path:
        if self._shared is not None:
            return self._shared
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(
                prefix="anyvideo-simulator-", ignore_cleanup_errors=True
            )
        return Path(self._folder.name)

    def close(self) -> None:
        """Give up encoding and remove the folder, unless it is shared."""
        self._closed.set()
        if self._folder is not None:
            self._folder.cleanup()


def encode(path: Path, clip: Clip, closed: threading.Event) -> None:
    """Write an H.264 yuv420p MP4, index in front: a slope of grey and a bright band that crosses it.

    The planes are painted as they are encoded, in a third of the time that `anyvideo.media` takes for
    RGB pictures: tests wait for this. Ends early, without a file, once `closed` is set.
    """
    if closed.is_set():
        return
    part = path.with_name(f"{uuid.uuid4().hex}.part.mp4")
    try:
        if _written(part, clip, closed):
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _written(path: Path, clip: Clip, closed: threading.Event) -> bool:
    """Whether it was written to its end."""
    import av

    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=Fraction(clip.fps))
        stream.width, stream.height, stream.pix_fmt = clip.width, clip.height, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "28"}
        stream.gop_size = clip.fps * 2
        for number in range(clip.frames):
            if closed.is_set():
                return False
            frame = av.VideoFrame(clip.width, clip.height, "yuv420p")
            _paint(frame, number / clip.frames)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return True


def _paint(frame: object, share: float) -> None:
    light, *tints = frame.planes  # type: ignore[attr-defined]
    width, step = light.line_size, max(1, math.ceil(light.line_size / 128))
    row = bytearray(40 + x // step for x in range(width))
    left = int(share * max(1, frame.width - _BAND))  # type: ignore[attr-defined]
    row[left : left + _BAND] = bytes([220]) * len(row[left : left + _BAND])
    light.update(bytes(row) * light.height)
    for plane, tone in zip(tints, (140, 110), strict=True):
        plane.update(bytes([tone]) * plane.buffer_size)
