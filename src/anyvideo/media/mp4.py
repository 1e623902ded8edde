"""What an MP4 file says about itself, read from its boxes (ISO/IEC 14496-12) without a codec library.

Sizes in the file are never trusted: a box must end inside its parent, tables are read up to a cap,
and counts are only ever added up, so a hostile file costs a `MediaError` and no memory.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from anyvideo.types.errors import MediaError

_MOST_BOXES = 200_000
_MOST_TABLE_BYTES = 8 * 1024 * 1024
_MOST_FRAMES = 100_000_000
_UNKNOWN_DURATION = (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)

_CODECS = {
    "avc1": "h264", "avc3": "h264", "hvc1": "hevc", "hev1": "hevc", "dvh1": "hevc", "dvhe": "hevc",
    "av01": "av1", "vp08": "vp8", "vp09": "vp9", "mp4v": "mpeg4", "mjpg": "mjpeg",
    "apch": "prores", "apcn": "prores", "apcs": "prores", "apco": "prores", "ap4h": "prores",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Mp4Info:
    """The picture track of one file: seconds, frames per second, pixels as shown (rotation applied)."""

    duration: float
    fps: float
    width: int
    height: int
    codec: str
    audio: bool
    faststart: bool
    frames: int


def read_mp4(source: str | os.PathLike[str] | BinaryIO) -> Mp4Info:
    """Read a file, or a seekable binary stream, that holds an MP4.

    Raises `MediaError` when it is not an MP4, is cut short, or has no picture track; `OSError` when
    the file cannot be opened.
    """
    if isinstance(source, str | os.PathLike):
        with Path(source).open("rb") as stream:
            return _Parser(stream).read()
    return _Parser(source).read()


@dataclass(frozen=True, slots=True)
class _Box:
    kind: str
    start: int
    end: int


@dataclass(slots=True)
class _Track:
    number: int = 0
    kind: str = ""
    timescale: int = 0
    ticks: int = 0
    frames: int = 0
    edited: int = 0
    codec: str = ""
    width: int = 0
    height: int = 0
    turned: bool = False


@dataclass(slots=True)
class _Movie:
    timescale: int = 0
    tracks: list[_Track] = field(default_factory=list)
    default_ticks: dict[int, int] = field(default_factory=dict)


class _Parser:
    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._size = stream.seek(0, io.SEEK_END)
        self._boxes_left = _MOST_BOXES

    def read(self) -> Mp4Info:
        self._stream.seek(0)
        if self._stream.read(8)[4:] != b"ftyp":
            raise MediaError("this is not an MP4 file: it does not start with an ftyp box")
        movie, fragments, faststart = self._top_level()
        if movie is None:
            raise MediaError("this MP4 file has no moov box: it is cut short or was never finished")
        for fragment in fragments:
            self._add_fragment(movie, fragment)
        return _facts(movie, faststart)

    def _top_level(self) -> tuple[_Movie | None, list[_Box], bool]:
        movie: _Movie | None = None
        fragments: list[_Box] = []
        data_seen = faststart = False
        for box in self._boxes(0, self._size):
            if box.kind == "mdat":
                data_seen = True
            elif box.kind == "moof":
                fragments.append(box)
            elif box.kind == "moov" and movie is None:
                movie, faststart = self._movie(box), not data_seen
        return movie, fragments, faststart

    def _boxes(self, start: int, end: int) -> Iterator[_Box]:
        while end - start >= 8:
            self._boxes_left -= 1
            if self._boxes_left < 0:
                raise MediaError(f"this MP4 file has more than {_MOST_BOXES} boxes")
            size, kind = struct.unpack(">I4s", self._bytes(start, 8))
            header = 8
            if size == 1:
                if end - start < 16:
                    raise MediaError("this MP4 file is cut short inside a box header")
                (size,), header = struct.unpack(">Q", self._bytes(start + 8, 8)), 16
            elif size == 0:
                size = end - start
            name = kind.decode("latin-1")
            if size < header:
                raise MediaError(f"this MP4 file is damaged: the box {name!r} is smaller than its own header")
            if size > end - start:
                raise MediaError(
                    f"this MP4 file is cut short: {name!r} claims {size} bytes where {end - start} remain"
                )
            yield _Box(name, start + header, start + size)
            start += size

    def _bytes(self, start: int, count: int) -> bytes:
        self._stream.seek(start)
        data = self._stream.read(count)
        if len(data) < count:
            raise MediaError("this MP4 file is cut short")
        return data

    def _head(self, box: _Box, count: int) -> bytes:
        if box.end - box.start < count:
            raise MediaError(f"this MP4 file is damaged: the box {box.kind!r} is too small")
        return self._bytes(box.start, count)

    def _table(self, box: _Box, offset: int, row: str, rows: int) -> Iterator[tuple[int, ...]]:
        width = struct.calcsize(row)
        if rows * width > min(box.end - box.start - offset, _MOST_TABLE_BYTES):
            raise MediaError(f"this MP4 file is damaged: the box {box.kind!r} claims {rows} rows")
        return struct.iter_unpack(row, self._bytes(box.start + offset, rows * width))

    def _movie(self, moov: _Box) -> _Movie:
        movie = _Movie()
        for box in self._boxes(moov.start, moov.end):
            if box.kind == "mvhd":
                movie.timescale, _ = self._clock(box)
            elif box.kind == "trak":
                track = _Track()
                self._walk_track(box, track)
                movie.tracks.append(track)
            elif box.kind == "mvex":
                for child in self._boxes(box.start, box.end):
                    if child.kind == "trex":
                        number, _, ticks = struct.unpack(">III", self._head(child, 16)[4:])
                        movie.default_ticks[number] = ticks
        return movie

    def _clock(self, box: _Box) -> tuple[int, int]:
        """Timescale and duration of an `mvhd` or `mdhd`; an unknown duration is 0."""
        if self._head(box, 1)[0] == 1:
            timescale, ticks = struct.unpack(">IQ", self._head(box, 32)[20:])
        else:
            timescale, ticks = struct.unpack(">II", self._head(box, 20)[12:])
        return timescale, 0 if ticks in _UNKNOWN_DURATION else ticks

    def _walk_track(self, parent: _Box, track: _Track) -> None:
        for box in self._boxes(parent.start, parent.end):
            if _CONTAINERS.get(box.kind) == parent.kind:
                self._walk_track(box, track)
            elif box.kind in _LEAVES:
                getattr(self, _LEAVES[box.kind])(box, track)

    def _tkhd(self, box: _Box, track: _Track) -> None:
        wide = self._head(box, 1)[0] == 1
        at = 52 if wide else 40
        head = self._head(box, at + 36)
        (track.number,) = struct.unpack_from(">I", head, 20 if wide else 12)
        a, b = struct.unpack_from(">ii", head, at)
        track.turned = a == 0 and b != 0

    def _mdhd(self, box: _Box, track: _Track) -> None:
        track.timescale, track.ticks = self._clock(box)

    def _hdlr(self, box: _Box, track: _Track) -> None:
        track.kind = self._head(box, 12)[8:].decode("latin-1")

    def _elst(self, box: _Box, track: _Track) -> None:
        version, rows = struct.unpack(">B3xI", self._head(box, 8))
        for ticks, begin, _ in self._table(box, 8, ">QqI" if version == 1 else ">IiI", rows):
            track.edited += ticks if begin >= 0 else 0

    def _stsd(self, box: _Box, track: _Track) -> None:
        if box.end - box.start < 8 + 36:
            return
        entry = self._head(box, 8 + 36)[8:]
        fourcc = entry[4:8].decode("latin-1")
        printable = "".join(letter for letter in fourcc if letter.isascii() and letter.isprintable()).strip()
        track.codec = _CODECS.get(fourcc, printable.lower() or "unknown")
        track.width, track.height = struct.unpack(">HH", entry[32:36])

    def _stts(self, box: _Box, track: _Track) -> None:
        (rows,) = struct.unpack(">4xI", self._head(box, 8))
        table = list(self._table(box, 8, ">II", rows))
        track.frames = sum(count for count, _ in table)
        track.ticks = sum(count * ticks for count, ticks in table) or track.ticks

    def _add_fragment(self, movie: _Movie, moof: _Box) -> None:
        tracks = {track.number: track for track in movie.tracks}
        for traf in self._boxes(moof.start, moof.end):
            if traf.kind != "traf":
                continue
            track, ticks = None, 0
            for box in self._boxes(traf.start, traf.end):
                if box.kind == "tfhd":
                    number, ticks = self._tfhd(box, movie)
                    track = tracks.get(number)
                elif box.kind == "trun" and track is not None:
                    self._trun(box, track, ticks)

    def _tfhd(self, box: _Box, movie: _Movie) -> tuple[int, int]:
        flags, number = struct.unpack(">II", self._head(box, 8))
        ticks = movie.default_ticks.get(number, 0)
        if flags & 0x8:
            at = 8 + (8 if flags & 0x1 else 0) + (4 if flags & 0x2 else 0)
            (ticks,) = struct.unpack_from(">I", self._head(box, at + 4), at)
        return number, ticks

    def _trun(self, box: _Box, track: _Track, default: int) -> None:
        flags, rows = struct.unpack(">II", self._head(box, 8))
        track.frames += rows
        if not flags & 0x100:
            track.ticks += rows * default
            return
        at = 8 + (4 if flags & 0x1 else 0) + (4 if flags & 0x4 else 0)
        more = sum(1 for bit in (0x200, 0x400, 0x800) if flags & bit)
        track.ticks += sum(row[0] for row in self._table(box, at, f">I{4 * more}x", rows))


_CONTAINERS = {"mdia": "trak", "edts": "trak", "minf": "mdia", "stbl": "minf"}  # and where each belongs
_LEAVES = {kind: f"_{kind}" for kind in ("tkhd", "mdhd", "hdlr", "elst", "stsd", "stts")}


def _facts(movie: _Movie, faststart: bool) -> Mp4Info:
    pictures = [track for track in movie.tracks if track.kind == "vide"]
    if not pictures:
        raise MediaError("this MP4 file holds no video track")
    track = max(pictures, key=lambda candidate: candidate.frames > 0)
    if not 0 < track.frames <= _MOST_FRAMES or track.ticks <= 0 or track.timescale <= 0:
        raise MediaError("this MP4 file holds a video track without frames")
    if not (track.width and track.height):
        raise MediaError("this MP4 file does not say how large its picture is")
    length = Fraction(track.ticks, track.timescale)
    rate = track.frames / length
    shown = _shown(movie, track, length, rate)
    width, height = (track.height, track.width) if track.turned else (track.width, track.height)
    return Mp4Info(
        duration=float(shown),
        fps=float(rate),
        width=width,
        height=height,
        codec=track.codec,
        audio=any(other.kind == "soun" for other in movie.tracks),
        faststart=faststart,
        frames=track.frames if shown == length else max(1, round(shown * rate)),
    )


def _shown(movie: _Movie, track: _Track, length: Fraction, rate: Fraction) -> Fraction:
    """Seconds that play: the whole track, or less where an edit list trims more than a frame away."""
    if not (track.edited and movie.timescale):
        return length
    edited = Fraction(track.edited, movie.timescale)
    return edited if edited < length - 1 / rate else length
