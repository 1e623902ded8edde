"""The short film that stands in for every recorded one: 5 kB, stretched to the length that is wanted."""

from __future__ import annotations

import struct
from importlib.resources import files
from typing import Final

SECONDS: Final = 2.0
"""How long the shipped file is."""


def clip(seconds: float = SECONDS) -> bytes:
    """A real MP4 (H.264, 320x180, 48 frames, no sound) that lasts `seconds`.

    The same frames are shown slower or faster: only the time scales in its headers differ.
    """
    content = bytearray(files("anyvideo.testing.cassettes").joinpath("clip.mp4").read_bytes())
    for name in (b"mvhd", b"mdhd"):
        at = content.index(name) + 16  # past the name, version and flags, and two 32-bit dates
        (scale,) = struct.unpack_from(">I", content, at)
        struct.pack_into(">I", content, at, max(1, round(scale * SECONDS / seconds)))
    return bytes(content)


def seconds_of(content: bytes) -> float:
    """How long an MP4 lasts; the shipped file's length where that cannot be read."""
    from io import BytesIO

    from anyvideo.media.mp4 import read_mp4
    from anyvideo.types.errors import MediaError

    try:
        return round(read_mp4(BytesIO(content)).duration, 3)
    except MediaError:
        return SECONDS
