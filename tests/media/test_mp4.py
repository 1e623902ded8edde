"""What a file says about itself, from real encoders and from hands that mean harm."""

from __future__ import annotations

import io
import json
import random
import shutil
import struct
import subprocess
import tracemalloc
from fractions import Fraction
from pathlib import Path

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyvideo.media import Mp4Info, encode_mp4, probe, read_mp4
from anyvideo.types.errors import MediaError


def box(kind: str, *parts: bytes) -> bytes:
    payload = b"".join(parts)
    return struct.pack(">I4s", 8 + len(payload), kind.encode("latin-1")) + payload


FTYP = box("ftyp", b"isom", bytes(4), b"isom")


def movie(
    *,
    handler: bytes = b"vide",
    timescale: int = 600,
    rows: tuple[tuple[int, int], ...] = ((50, 25),),
    entry: bytes = b"avc1",
    size: tuple[int, int] = (64, 36),
    matrix: tuple[int, int] = (65536, 0),
    edits: tuple[tuple[int, int], ...] = (),
) -> bytes:
    """A moov box with one track, written from ISO/IEC 14496-12."""
    ticks = sum(count * delta for count, delta in rows)
    table = b"".join(struct.pack(">II", *row) for row in rows)
    sample = struct.pack(">I4s", 86, entry) + bytes(24) + struct.pack(">HH", *size) + bytes(50)
    stbl = box(
        "stbl",
        box("stsd", bytes(4), struct.pack(">I", 1), sample),
        box("stts", bytes(4), struct.pack(">I", len(rows)), table),
    )
    mdia = box(
        "mdia",
        box("mdhd", bytes(12), struct.pack(">II", timescale, ticks), bytes(4)),
        box("hdlr", bytes(8), handler, bytes(13)),
        box("minf", stbl),
    )
    turn = struct.pack(">9i", matrix[0], matrix[1], 0, -matrix[1], matrix[0], 0, 0, 0, 1 << 30)
    tkhd = box("tkhd", bytes(12), struct.pack(">I", 1), bytes(24), turn, bytes(8))
    plays = b"".join(struct.pack(">IiI", length, begin, 65536) for length, begin in edits)
    edts = box("edts", box("elst", bytes(4), struct.pack(">I", len(edits)), plays)) if edits else b""
    mvhd = box("mvhd", bytes(12), struct.pack(">II", 1000, 0), bytes(80))
    return box("moov", mvhd, box("trak", tkhd, edts, mdia))


def read(*parts: bytes) -> Mp4Info:
    return read_mp4(io.BytesIO(b"".join(parts)))


def transcode(source: Path, target: Path, **options: str) -> Path:
    """The same packets in another arrangement of boxes, by FFmpeg's own muxer."""
    with av.open(str(source)) as old, av.open(str(target), "w", format="mp4", options=options) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    return target


def with_sound(target: Path) -> Path:
    with av.open(str(target), "w", format="mp4") as container:
        picture = container.add_stream("libx264", rate=24)
        picture.width, picture.height, picture.pix_fmt = 64, 36, "yuv420p"
        sound = container.add_stream("aac", rate=48_000, layout="mono")
        for index in range(24):
            frame = av.VideoFrame(64, 36, "yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 24)
            container.mux(picture.encode(frame))
        for index in range(47):
            heard = av.AudioFrame(format="fltp", layout="mono", samples=1024)
            heard.planes[0].update(bytes(4096))
            heard.rate, heard.pts = 48_000, index * 1024
            container.mux(sound.encode(heard))
        container.mux(picture.encode(None))
        container.mux(sound.encode(None))
    return target


def test_facts_of_an_encoded_clip(clip: Path) -> None:
    assert read_mp4(clip) == Mp4Info(
        duration=2.0, fps=12.0, width=160, height=90, codec="h264", audio=False, faststart=True, frames=24
    )


def test_probe_adds_size_and_digest(clip: Path) -> None:
    info = probe(clip)
    assert info.bytes == clip.stat().st_size
    assert (info.duration, info.fps, info.width, info.height) == (2.0, 12.0, 160, 90)
    sums = subprocess.run(["sha256sum", str(clip)], capture_output=True, text=True, check=True)
    assert info.sha256 == sums.stdout.split()[0]


def test_index_behind_the_data_is_noticed(clip: Path, tmp_path: Path) -> None:
    moved = transcode(clip, tmp_path / "late.mp4")
    assert not read_mp4(moved).faststart
    assert read_mp4(moved).duration == pytest.approx(2.0)


def test_fragmented_file_is_summed(clip: Path, tmp_path: Path) -> None:
    pieces = transcode(
        clip, tmp_path / "pieces.mp4", movflags="frag_every_frame+empty_moov+default_base_moof"
    )
    facts = read_mp4(pieces)
    assert facts.frames == 24
    assert facts.duration == pytest.approx(2.0)
    assert facts.fps == pytest.approx(12.0)
    assert facts.faststart


def test_sound_is_noticed_and_does_not_lengthen_the_picture(tmp_path: Path) -> None:
    facts = read_mp4(with_sound(tmp_path / "sound.mp4"))
    assert facts.audio
    assert facts.duration == pytest.approx(1.0)
    assert facts.frames == 24


@pytest.mark.parametrize("fps", [5, 23.976, 24, 25, 29.97, 30, 60])
def test_every_rate_survives(tmp_path: Path, fps: float) -> None:
    path = tmp_path / "rate.mp4"
    encode_mp4(path, [bytes(16 * 16 * 3)] * 30, width=16, height=16, fps=fps)
    assert read_mp4(path).fps == pytest.approx(fps, abs=0.001)
    assert read_mp4(path).duration == pytest.approx(30 / fps, rel=1e-4)


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
def test_ffprobe_agrees(clip: Path) -> None:
    shown = subprocess.run(
        ["ffprobe", "-v", "error", "-print_format", "json", "-show_streams", "-show_format", str(clip)],
        capture_output=True,
        check=True,
    )
    answer = json.loads(shown.stdout)
    stream, facts = answer["streams"][0], read_mp4(clip)
    assert (stream["codec_name"], stream["pix_fmt"]) == (facts.codec, "yuv420p")
    assert (stream["width"], stream["height"]) == (facts.width, facts.height)
    assert float(stream["duration"]) == float(answer["format"]["duration"]) == facts.duration
    assert int(stream["nb_frames"]) == facts.frames
    assert Fraction(stream["avg_frame_rate"]) == facts.fps


def test_hand_written_boxes_are_read() -> None:
    facts = read(FTYP, movie(), box("mdat", bytes(10)))
    assert facts.duration == pytest.approx(50 * 25 / 600)
    assert facts.fps == pytest.approx(24.0)
    assert (facts.width, facts.height, facts.faststart) == (64, 36, True)


def test_unequal_frame_lengths_are_averaged() -> None:
    assert read(FTYP, movie(rows=((2, 300), (2, 900)))).duration == pytest.approx(4.0)


def test_turned_picture_is_measured_as_shown() -> None:
    facts = read(FTYP, movie(matrix=(0, 65536)))
    assert (facts.width, facts.height) == (36, 64)


def test_edit_list_that_trims_shortens_the_clip() -> None:
    facts = read(FTYP, movie(edits=((500, -1), (1000, 25))))
    assert facts.duration == pytest.approx(1.0)
    assert facts.frames == 24


@pytest.mark.parametrize(
    ("fourcc", "name"),
    [(b"hvc1", "hevc"), (b"av01", "av1"), (b"vp09", "vp9"), (b"XYZ1", "xyz1"), (b"\0\1\2\3", "unknown")],
)
def test_codecs_by_their_common_names(fourcc: bytes, name: str) -> None:
    assert read(FTYP, movie(entry=fourcc)).codec == name


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not an MP4"),
        (b"<html><body>not found</body></html>", "not an MP4"),
        (b"\x1a\x45\xdf\xa3" + bytes(40), "not an MP4"),
        (FTYP, "no moov"),
        (FTYP + box("mdat", bytes(8)), "no moov"),
        (FTYP + movie(handler=b"soun"), "no video track"),
        (FTYP + movie(rows=()), "without frames"),
        (FTYP + movie(timescale=0), "without frames"),
        (FTYP + movie(size=(0, 0)), "how large"),
        (FTYP + struct.pack(">I4s", 4, b"free"), "damaged"),
        (FTYP + movie() + struct.pack(">I4s", 1000, b"mdat") + bytes(10), "cut short"),
        (FTYP + movie() + struct.pack(">I4sQ", 1, b"mdat", 2**63) + bytes(10), "cut short"),
    ],
)
def test_what_is_no_whole_video_is_refused_in_words(content: bytes, said: str) -> None:
    with pytest.raises(MediaError, match=said):
        read(content)


def test_table_that_claims_four_billion_rows_costs_no_memory() -> None:
    lie = movie().replace(
        box("stts", bytes(4), struct.pack(">III", 1, 50, 25)),
        box("stts", bytes(4), struct.pack(">III", 2**32 - 1, 50, 25)),
    )
    tracemalloc.start()
    with pytest.raises(MediaError, match="claims 4294967295 rows"):
        read(FTYP, lie)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_endless_tiny_boxes_are_given_up() -> None:
    with pytest.raises(MediaError, match="more than"):
        read(FTYP, box("free") * 200_001, movie())


def test_boxes_within_boxes_do_not_exhaust_the_stack() -> None:
    nested = b""
    for _ in range(5000):
        nested = box("minf", nested)
    with pytest.raises(MediaError):
        read(FTYP, box("moov", box("trak", nested)))


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32), cut=st.integers(0, 400), hits=st.integers(0, 12))
def test_damage_is_always_told_as_media_error(seed: int, cut: int, hits: int) -> None:
    dice = random.Random(seed)
    data = bytearray(FTYP + movie(edits=((1000, 0),)) + box("mdat", bytes(20)))
    for _ in range(hits):
        data[dice.randrange(len(data))] = dice.choice((0, 1, 127, 128, 255, dice.randrange(256)))
    damaged = bytes(data[: len(data) - cut])
    try:
        facts = read(damaged)
    except MediaError:
        return
    assert facts.duration > 0
    assert facts.frames > 0
    assert facts.fps > 0


def test_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        probe(tmp_path / "absent.mp4")
