"""The shortest and smallest clip that a model makes, for those who must buy one to see whether it works."""

from __future__ import annotations

import struct
import zlib

from anyvideo.catalog.shape import lines
from anyvideo.catalog.spec import Length, ModelSpec
from anyvideo.types.request import Task

REQUESTABLE = (Task.TEXT_TO_VIDEO, Task.IMAGE_TO_VIDEO)
"""The tasks that a request can ask for."""


def shortest(length: Length) -> float:
    """Seconds."""
    if length.seconds:
        return min(length.seconds)
    if length.minimum is not None:
        return length.minimum
    if length.frames and length.rate is not None:
        return min(length.frames.values()) / length.rate.default
    return length.default


def lowest(spec: ModelSpec, task: Task) -> str | None:
    """The lowest resolution for a task."""
    sizes = [size for size in spec.shape.sizes if not size.tasks or task in size.tasks]
    return min((size.resolution for size in sizes), key=lines, default=None)


def draw_picture(width: int = 32, height: int = 18, *, level: int = 0) -> bytes:
    """A PNG. At level 0 nothing is compressed: some vendors turn down files of less than 512 bytes."""
    rows = b"".join(
        b"\0" + b"".join(bytes((x * 255 // width, y * 255 // height, 90)) for x in range(width))
        for y in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, level)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
