"""Encoding: what goes in comes out, the same bytes each time, and nothing half-made is left."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from PIL import Image

import anyvideo.media
from anyvideo.media import contact_sheet, encode_mp4, probe, read_mp4
from anyvideo.types.errors import MediaError, MissingExtra


def stripes(count: int, size: tuple[int, int] = (64, 48)) -> Iterator[Image.Image]:
    """Frames whose grey rises from frame to frame."""
    for index in range(count):
        yield Image.new("L", size, round(255 * index / max(1, count - 1)))


def grey(picture: Image.Image, x: int, y: int) -> int:
    return picture.convert("L").crop((x, y, x + 1, y + 1)).tobytes()[0]


def encode(path: Path, count: int = 12) -> Path:
    encode_mp4(path, stripes(count), width=64, height=48, fps=12)
    return path


def test_frames_come_back_in_order_and_colour(tmp_path: Path) -> None:
    shades = [(250, 20, 20), (20, 250, 20), (20, 20, 250)]
    frames = [Image.new("RGB", (64, 48), shade) for shade in shades]
    assert encode_mp4(tmp_path / "rgb.mp4", frames, width=64, height=48, fps=3) == 3
    with av.open(str(tmp_path / "rgb.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.pix_fmt == "yuv420p"
        decoded = [frame.to_image().getpixel((32, 24)) for frame in container.decode(stream)]
    assert len(decoded) == 3
    for shade, got in zip(shades, decoded, strict=True):
        assert all(abs(wanted - seen) < 12 for wanted, seen in zip(shade, got, strict=True)), (shade, got)


def test_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = encode(tmp_path / "first.mp4"), encode(tmp_path / "second.mp4")
    assert first.read_bytes() == second.read_bytes()


def test_playback_can_begin_at_once(tmp_path: Path) -> None:
    data = encode(tmp_path / "clip.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_rows_that_need_padding(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (34, 18), (200, 30, 30)).tobytes()] * 4
    encode_mp4(tmp_path / "odd.mp4", frames, width=34, height=18, fps=4)
    with av.open(str(tmp_path / "odd.mp4")) as container:
        picture = next(container.decode(video=0)).to_image()
    assert picture.size == (34, 18)
    red, green, _ = picture.getpixel((33, 17))
    assert red > 170
    assert green < 60


def test_frames_are_taken_one_at_a_time(tmp_path: Path) -> None:
    alive = most = 0

    class Counted(bytes):
        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def frames() -> Iterator[bytes]:
        nonlocal alive, most
        for _ in range(50):
            frame = Counted(64 * 48 * 3)
            alive += 1
            most = max(most, alive)
            yield frame

    encode_mp4(tmp_path / "many.mp4", frames(), width=64, height=48, fps=25)
    assert most <= 3


@pytest.mark.parametrize(
    ("width", "height", "fps"), [(63, 48, 12), (64, 0, 12), (-2, 48, 12), (64, 48, 0), (64, 48, 1e9)]
)
def test_impossible_shapes_are_refused(tmp_path: Path, width: int, height: int, fps: float) -> None:
    with pytest.raises(MediaError):
        encode_mp4(tmp_path / "bad.mp4", stripes(2), width=width, height=height, fps=fps)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("frame", [b"too short", Image.new("RGB", (32, 32))])
def test_frame_of_another_size_leaves_nothing(tmp_path: Path, frame: bytes | Image.Image) -> None:
    with pytest.raises(MediaError, match="frame"):
        encode_mp4(tmp_path / "bad.mp4", [*stripes(2), frame], width=64, height=48, fps=12)
    assert list(tmp_path.iterdir()) == []


def test_no_frames_no_file(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="without frames"):
        encode_mp4(tmp_path / "none.mp4", [], width=64, height=48, fps=12)
    assert list(tmp_path.iterdir()) == []


def test_failure_keeps_the_file_that_was_there(tmp_path: Path) -> None:
    before = encode(tmp_path / "clip.mp4").read_bytes()

    def broken() -> Iterator[Image.Image]:
        yield from stripes(3)
        raise RuntimeError("the artist left")

    with pytest.raises(RuntimeError, match="artist"):
        encode_mp4(tmp_path / "clip.mp4", broken(), width=64, height=48, fps=12)
    assert (tmp_path / "clip.mp4").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_sheet_shows_the_clip_from_start_to_end(tmp_path: Path) -> None:
    contact_sheet(encode(tmp_path / "clip.mp4", 48), tmp_path / "sheet.png", columns=4, rows=2, width=400)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.format == "PNG"
        assert sheet.width == 400
        columns = [round(400 * (place + 0.5) / 4) for place in range(4)]
        tiles = [grey(sheet, x, y) for y in (sheet.height // 4, sheet.height * 3 // 4) for x in columns]
    assert tiles == sorted(tiles)
    assert tiles[0] < 40
    assert tiles[-1] > 215
    assert len(set(tiles)) == 8


def test_sheet_of_fewer_frames_than_tiles_repeats_them(tmp_path: Path) -> None:
    contact_sheet(encode(tmp_path / "clip.mp4", 2), tmp_path / "sheet.png", columns=3, rows=1, width=300)
    with Image.open(tmp_path / "sheet.png") as sheet:
        tiles = [grey(sheet, x, sheet.height // 2) for x in (50, 150, 250)]
    assert tiles[0] < 20
    assert tiles[2] > 235


def test_sheet_of_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.mp4").write_text("<html></html>")
    with pytest.raises(MediaError):
        contact_sheet(tmp_path / "page.mp4", tmp_path / "sheet.png")
    encode(tmp_path / "clip.mp4")
    with pytest.raises(MediaError):
        contact_sheet(tmp_path / "clip.mp4", tmp_path / "sheet.png", columns=0)
    assert not (tmp_path / "sheet.png").exists()


def test_damaged_pictures_are_told_as_such(tmp_path: Path) -> None:
    data = bytearray(encode(tmp_path / "clip.mp4").read_bytes())
    start = data.index(b"mdat") + 4
    data[start:] = bytes(len(data) - start)
    (tmp_path / "clip.mp4").write_bytes(data)
    with pytest.raises(MediaError):
        contact_sheet(tmp_path / "clip.mp4", tmp_path / "sheet.png")


def test_missing_codec_library_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encode(tmp_path / "clip.mp4")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtra, match=r'pip install "anyvideo\[media\]"'):
        encode_mp4(tmp_path / "more.mp4", stripes(2), width=64, height=48, fps=12)
    with pytest.raises(MissingExtra, match=r'pip install "anyvideo\[media\]"'):
        contact_sheet(tmp_path / "clip.mp4", tmp_path / "sheet.png")
    assert probe(tmp_path / "clip.mp4").fps == 12.0


def test_public_names_are_there_and_sorted() -> None:
    assert anyvideo.media.__all__ == sorted(anyvideo.media.__all__)
    for name in anyvideo.media.__all__:
        assert getattr(anyvideo.media, name).__name__ == name
    assert callable(probe)
    assert read_mp4 is anyvideo.media.read_mp4
    with pytest.raises(AttributeError):
        _ = anyvideo.media.no_such_name
