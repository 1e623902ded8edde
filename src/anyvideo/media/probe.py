"""The measured facts of a delivered file, as opposed to what was ordered."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from anyvideo.media.measure import measure
from anyvideo.media.mp4 import read_mp4
from anyvideo.types.job import MediaInfo

_BLOCK = 1024 * 1024


def probe(path: str | os.PathLike[str]) -> MediaInfo:
    """Measure an MP4 file: its boxes, its size and its digest in constant memory, and with PyAV its frames.

    Where PyAV is there every frame is decoded, and what was decoded counts; else what the boxes say.
    Raises `MediaError` when the file is not a whole MP4 with a picture track; `OSError` when it
    cannot be read.
    """
    with Path(path).open("rb") as stream:
        facts = read_mp4(stream)
        stream.seek(0)
        digest, size = hashlib.sha256(), 0
        while block := stream.read(_BLOCK):
            digest.update(block)
            size += len(block)
    seen = measure(path)
    source = seen or facts
    return MediaInfo(
        duration=source.duration,
        fps=source.fps,
        width=source.width,
        height=source.height,
        codec=facts.codec,
        audio=source.audio,
        bytes=size,
        sha256=digest.hexdigest(),
        faststart=facts.faststart,
        frames=source.frames,
        bit_rate=round(size * 8 / source.duration) if source.duration else 0,
        decoded=seen is not None,
    )
