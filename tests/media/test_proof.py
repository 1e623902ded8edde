"""What a file is, measured: by decoding it, or from its boxes where PyAV is not there."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from anyvideo.media import encode_mp4, probe
from anyvideo.media.verify import mismatches
from anyvideo.types.errors import MediaError
from anyvideo.types.job import MediaInfo
from anyvideo.types.plan import Fit
from anyvideo.types.request import Task

FIT = Fit(
    model="fake/video", task=Task.TEXT_TO_VIDEO, prompt="a fox", negative_prompt=None, image=None,
    image_input=None, duration=5.0, frames=None, fps=None, aspect_ratio="16:9", resolution="720p",
    size=(1280, 720), audio=False, seed=None, inputs={},
)  # fmt: skip
INFO = MediaInfo(
    duration=5.0, fps=24.0, width=1280, height=720, codec="h264", audio=False, bytes=1, sha256="",
    faststart=True,
)  # fmt: skip


def noise(count: int, width: int, height: int) -> list[bytes]:
    dice = random.Random(5)
    return [dice.randbytes(width * height * 3) for _ in range(count)]


def test_decoding_and_the_boxes_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "clip.mp4"
    encode_mp4(path, noise(50, 64, 36), width=64, height=36, fps=25)
    decoded = probe(path)
    monkeypatch.setitem(sys.modules, "av", None)
    read = probe(path)
    assert (decoded.decoded, read.decoded) == (True, False)
    assert decoded.frames == read.frames == 50
    assert decoded.duration == pytest.approx(2.0)
    assert read.duration == pytest.approx(2.0)
    assert decoded.bit_rate == pytest.approx(path.stat().st_size * 4, rel=0.001)
    assert (decoded.width, decoded.height, decoded.sha256) == (read.width, read.height, read.sha256)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_refused(tmp_path: Path, share: float) -> None:
    path = tmp_path / "clip.mp4"
    encode_mp4(path, noise(30, 64, 36), width=64, height=36, fps=15)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(MediaError):
        probe(path)


def test_a_file_whose_pictures_are_overwritten_is_refused(tmp_path: Path) -> None:
    """The boxes are whole: only decoding can tell."""
    path = tmp_path / "clip.mp4"
    encode_mp4(path, noise(30, 64, 36), width=64, height=36, fps=15)
    whole = bytearray(path.read_bytes())
    data = whole.index(b"mdat") + 4
    for at in range(data + 500, len(whole)):
        whole[at] = 0xA5
    path.write_bytes(bytes(whole))
    with pytest.raises(MediaError, match="damaged"):
        probe(path)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"duration": 7.1}, "duration"),
        ({"duration": 2.9}, "duration"),
        ({"width": 720, "height": 1280}, "resolution"),
        ({"audio": True}, "audio"),
    ],
)
def test_what_differs_is_named(change: dict[str, float], field: str) -> None:
    [found] = mismatches(FIT, replace(INFO, **change))  # type: ignore[arg-type]
    assert found.field == field
    assert "ordered" in str(found)


def test_what_is_within_tolerance_is_not() -> None:
    assert mismatches(FIT, INFO) == ()
    assert mismatches(FIT, replace(INFO, duration=6.9)) == ()
    free = replace(FIT, size=None)
    assert mismatches(free, replace(INFO, width=1248, height=704)) == ()
    [found] = mismatches(free, replace(INFO, width=960, height=720))
    assert found.field == "aspect_ratio"
    assert mismatches(replace(free, aspect_ratio=None), replace(INFO, width=960, height=960)) == ()


@pytest.mark.parametrize(
    ("ordered", "ratio", "size", "other"),
    [
        ("1080p", "16:9", (320, 180), True),
        ("1080p", "16:9", (1280, 720), True),
        ("720p", "16:9", (1920, 1080), True),
        ("540p", None, (854, 480), True),
        ("4k", "16:9", (1920, 1080), True),
        ("4k", "16:9", (3840, 2160), False),
        ("1080p", "16:9", (1920, 1088), False),
        ("720p", "16:9", (1248, 704), False),
        ("720p", "9:16", (720, 1280), False),
        ("720p", "21:9", (1680, 720), False),  # models that keep the short side
        ("1080p", "21:9", (2176, 928), False),  # and those that keep the area
        ("720p", "21:9", (1504, 640), False),
        ("1080p", "1:1", (1440, 1440), False),
        ("480p", None, (416, 960), False),
    ],
)
def test_the_resolution_counts_where_no_exact_size_was_ordered(
    ordered: str, ratio: str | None, size: tuple[int, int], other: bool
) -> None:
    fit = replace(FIT, size=None, resolution=ordered, aspect_ratio=ratio)
    found = mismatches(fit, replace(INFO, width=size[0], height=size[1]))
    assert [(one.field, one.ordered, one.measured) for one in found] == (
        [("resolution", ordered, f"{size[0]}x{size[1]}")] if other else []
    )
