"""The drawn clip: exactly as long and large as asked, the same each time, and able to take any input."""

from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat

from anyvideo.media import Mp4Info, probe, read_mp4
from anyvideo.types.errors import MediaError
from anyvideo_local.draw import draw_animatic

FOX = "a red fox crosses a frozen lake at dawn, slow dolly-in"


def draw(path: Path, **changes: object) -> Path:
    call: dict[str, object] = {
        "prompt": FOX, "image": None, "duration": 0.5, "fps": 12, "width": 192, "height": 108, "seed": 7,
    } | changes  # fmt: skip
    draw_animatic(path, **call)  # type: ignore[arg-type]
    return path


def frames(path: Path) -> list[Image.Image]:
    with av.open(str(path)) as container:
        return [frame.to_image() for frame in container.decode(video=0)]  # type: ignore[no-untyped-call]


def difference(first: Image.Image, second: Image.Image) -> float:
    """Mean absolute difference of two pictures, 0 to 255."""
    return sum(ImageStat.Stat(ImageChops.difference(first, second)).mean) / 3


def rgb(picture: Image.Image, at: tuple[int, int]) -> tuple[int, int, int]:
    red, green, blue = picture.convert("RGB").crop((*at, at[0] + 1, at[1] + 1)).tobytes()
    return red, green, blue


def shades(picture: Image.Image) -> tuple[int, int]:
    """The darkest and the brightest grey."""
    counts = picture.convert("L").histogram()
    seen = [shade for shade, count in enumerate(counts) if count]
    return seen[0], seen[-1]


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def halves(left: tuple[int, int, int], right: tuple[int, int, int], size: tuple[int, int]) -> Image.Image:
    image = Image.new("RGB", size, right)
    image.paste(left, (0, 0, size[0] // 2, size[1]))
    return image


@pytest.mark.parametrize(("width", "height"), [(192, 108), (108, 192), (128, 128), (320, 136), (32, 32)])
@pytest.mark.parametrize(("duration", "fps"), [(0.5, 12), (1.0, 23.976), (0.3, 30), (2.5, 5)])
def test_exactly_as_ordered(tmp_path: Path, width: int, height: int, duration: float, fps: float) -> None:
    path = draw(tmp_path / "clip.mp4", width=width, height=height, duration=duration, fps=fps)
    count = round(duration * fps)
    facts = read_mp4(path)
    assert (facts.width, facts.height, facts.frames) == (width, height, count)
    assert facts.fps == pytest.approx(fps, abs=0.001)
    assert facts.duration == pytest.approx(count / fps, rel=1e-4)
    assert (facts.codec, facts.audio, facts.faststart) == ("h264", False, True)
    assert len(frames(path)) == count


def test_same_order_gives_the_same_bytes(tmp_path: Path) -> None:
    photo = encoded(halves((200, 40, 40), (40, 40, 200), (300, 200)))
    for image in (None, photo):
        first = draw(tmp_path / "first.mp4", image=image)
        second = draw(tmp_path / "second.mp4", image=image)
        assert probe(first).sha256 == probe(second).sha256


def test_seed_and_prompt_change_the_drawing(tmp_path: Path) -> None:
    base = frames(draw(tmp_path / "base.mp4"))[0]
    assert difference(base, frames(draw(tmp_path / "seed.mp4", seed=8))[0]) > 1
    assert difference(base, frames(draw(tmp_path / "words.mp4", prompt="a city at night"))[0]) > 10


def test_hour_of_the_prompt_sets_the_light(tmp_path: Path) -> None:
    def brightness(prompt: str) -> float:
        picture = frames(draw(tmp_path / "light.mp4", prompt=prompt, duration=0.1, fps=10))[0]
        return float(ImageStat.Stat(picture.convert("L")).mean[0])

    assert brightness("hills at noon") > brightness("hills at sunset") > brightness("hills at midnight")


def test_picture_moves_from_the_first_frame_to_the_last(tmp_path: Path) -> None:
    shown = frames(draw(tmp_path / "clip.mp4", duration=2, prompt="hills, pan right"))
    assert difference(shown[0], shown[-1]) > 4
    assert all(difference(before, after) < 12 for before, after in pairwise(shown))


def edge(picture: Image.Image) -> int:
    """The column where a picture that is red on the left turns blue."""
    row = picture.height * 2 // 5
    pixels = [rgb(picture, (x, row)) for x in range(picture.width)]
    return sum(1 for red, _, blue in pixels if red > blue)


@pytest.mark.parametrize(
    ("prompt", "moved"),
    [
        ("pan left", lambda first, last: last > first + 8),
        ("slowly panning to the right", lambda first, last: last < first - 8),
        ("static tripod shot", lambda first, last: abs(last - first) <= 2),
    ],
)
def test_camera_does_what_the_prompt_says(
    tmp_path: Path, prompt: str, moved: Callable[[int, int], bool]
) -> None:
    photo = encoded(halves((220, 30, 30), (30, 30, 220), (384, 216)))
    shown = frames(draw(tmp_path / "clip.mp4", image=photo, prompt=prompt, duration=1))
    first, last = edge(shown[0]), edge(shown[-1])
    assert moved(first, last), (first, last)


@pytest.mark.parametrize(("prompt", "grows"), [("dolly-in", True), ("the camera pulls back", False)])
def test_zoom_in_and_out(tmp_path: Path, prompt: str, grows: bool) -> None:
    photo = Image.new("RGB", (384, 216), (20, 20, 20))
    photo.paste((230, 230, 230), (134, 50, 250, 140))
    shown = frames(draw(tmp_path / "clip.mp4", image=encoded(photo), prompt=prompt, duration=1))
    first, last = (sum(p.convert("L").histogram()[160:]) for p in (shown[0], shown[-1]))
    assert (last > first * 1.1) if grows else (first > last * 1.1)


def test_near_ground_moves_more_than_the_sky(tmp_path: Path) -> None:
    shown = frames(
        draw(tmp_path / "clip.mp4", prompt="forest at noon, pan left", duration=1, width=384, height=216)
    )
    first, last = shown[0].convert("L"), shown[-1].convert("L")

    def shift(box: tuple[int, int, int, int]) -> int:
        def mismatch(by: int) -> float:
            there = last.crop((box[0] + by, box[1], box[2] + by, box[3]))
            return float(ImageStat.Stat(ImageChops.difference(first.crop(box), there)).mean[0])

        return min(range(100), key=mismatch)

    assert shift((120, 150, 260, 170)) > shift((120, 20, 260, 110)) + 10


def test_clip_says_on_screen_that_it_is_an_animatic(tmp_path: Path) -> None:
    white = encoded(Image.new("RGB", (320, 180), (255, 255, 255)))
    for picture in frames(draw(tmp_path / "clip.mp4", image=white, prompt=None, width=320, height=180)):
        darkest, brightest = shades(picture.crop((0, 0, 110, 30)))
        assert darkest < 130
        assert brightest > 240


def test_prompt_is_the_caption(tmp_path: Path) -> None:
    grey = encoded(Image.new("RGB", (320, 180), (128, 128, 128)))
    bare = frames(draw(tmp_path / "bare.mp4", image=grey, prompt=None, width=320, height=180))[0]
    told = frames(draw(tmp_path / "told.mp4", image=grey, prompt="a quiet word", width=320, height=180))[0]
    lower = (0, 120, 320, 180)
    assert shades(bare.crop(lower))[1] < 150
    assert shades(told.crop(lower))[1] > 200


def test_caption_keeps_to_the_safe_area(tmp_path: Path) -> None:
    grey = encoded(Image.new("RGB", (180, 320), (128, 128, 128)))
    long = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft " * 8
    picture = frames(draw(tmp_path / "clip.mp4", image=grey, prompt=long, width=180, height=320))[0]
    for margin in ((0, 0, 6, 320), (174, 0, 180, 320), (0, 310, 180, 320)):
        assert shades(picture.crop(margin))[1] < 160


@pytest.mark.parametrize(
    "prompt",
    [
        "🦊❄️🌅",
        "👩‍👩‍👧‍👦 family",
        "森の中の老婆が歩く" * 30,
        "שלום עולם",
        "مرحبا بالعالم",
        "\ud83d lone",
        "\x00\x07\n\t",
        "a" * 10_000,
        "%s {0} \\n <b>",
        "",
    ],
)
def test_any_prompt_can_be_drawn(tmp_path: Path, prompt: str) -> None:
    assert read_mp4(draw(tmp_path / "clip.mp4", prompt=prompt, duration=0.1, fps=10)).frames == 1


@settings(max_examples=25, deadline=None)
@given(prompt=st.text(max_size=60), seed=st.integers(), width=st.integers(16, 80), height=st.integers(16, 80))
def test_any_text_seed_and_shape(
    tmp_path_factory: pytest.TempPathFactory, prompt: str, seed: int, width: int, height: int
) -> None:
    path = tmp_path_factory.mktemp("any") / "clip.mp4"
    draw(path, prompt=prompt, seed=seed, width=2 * width, height=2 * height, duration=0.2, fps=10)
    assert read_mp4(path).frames == 2


@pytest.mark.parametrize(
    "word",
    [
        "forest",
        "mountains",
        "desert",
        "ocean",
        "city",
        "meadow",
        "galaxy",
        "volcano",
        "rain",
        "snow",
        "petals",
    ],
)
def test_every_kind_of_place_fills_the_frame(tmp_path: Path, word: str) -> None:
    for move in ("tilt up", "tilt down", "pan left", "dolly out"):
        shown = frames(draw(tmp_path / "clip.mp4", prompt=f"{word}, fast {move}", duration=0.3, fps=10))
        assert all(len(picture.getcolors(100_000) or []) > 500 for picture in shown)


def test_camera_orientation_of_a_photo_is_respected(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    photo = encoded(halves((220, 30, 30), (30, 30, 220), (320, 180)), "JPEG", exif=exif)
    picture = frames(draw(tmp_path / "clip.mp4", image=photo, prompt="static"))[0]
    red, _, blue = rgb(picture, (20, 60))
    assert blue > red


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("RGBA", "PNG"),
        ("LA", "PNG"),
        ("P", "GIF"),
        ("L", "JPEG"),
        ("1", "BMP"),
        ("CMYK", "JPEG"),
        ("CMYK", "TIFF"),
        ("I;16", "PNG"),
        ("I;16", "TIFF"),
        ("F", "TIFF"),
        ("RGB", "WEBP"),
    ],
)
def test_any_kind_of_image(tmp_path: Path, mode: str, kind: str) -> None:
    image = (
        Image.new("L", (90, 60), 200).convert(mode) if mode != "I;16" else Image.new(mode, (90, 60), 51_400)
    )
    shown = frames(draw(tmp_path / "clip.mp4", image=encoded(image, kind), prompt=None))[0]
    assert 185 < ImageStat.Stat(shown.crop((60, 30, 130, 70)).convert("L")).mean[0] < 215


def test_transparent_parts_lie_on_paper(tmp_path: Path) -> None:
    clear = encoded(Image.new("RGBA", (320, 180), (0, 0, 0, 0)))
    picture = frames(draw(tmp_path / "clip.mp4", image=clear, prompt=None))[0]
    assert min(rgb(picture, (96, 54))) > 240


def test_narrow_image_is_shown_whole(tmp_path: Path) -> None:
    tall = Image.new("RGB", (60, 400), (30, 30, 220))
    tall.paste((220, 30, 30), (0, 0, 60, 40))
    picture = frames(draw(tmp_path / "clip.mp4", image=encoded(tall), prompt="static shot"))[0]
    red, _, blue = rgb(picture, (96, 4))
    assert red > blue + 60


def claiming(width: int, height: int) -> bytes:
    """A PNG that says how large it is and has a row of what it promises."""
    parts = (
        b"IHDR" + struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0),
        b"IDAT" + zlib.compress(bytes(64)),
        b"IEND",
    )
    chunks = (struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_large_image_is_taken_and_a_bomb_is_not(tmp_path: Path) -> None:
    large = encoded(Image.new("RGB", (6000, 4000), (90, 120, 60)), "JPEG")
    assert read_mp4(draw(tmp_path / "clip.mp4", image=large)).frames == 6
    for size in ((9000, 9000), (30_000, 30_000)):
        with pytest.raises(MediaError, match="too large"):
            draw(tmp_path / "bomb.mp4", image=claiming(*size))


@pytest.mark.parametrize(
    "data",
    [b"", b"<svg/>", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"GIF89a",
     encoded(halves((1, 2, 3), (4, 5, 6), (300, 200)), "JPEG")[:900],
     encoded(halves((1, 2, 3), (4, 5, 6), (300, 200)))[:60]],
)  # fmt: skip
def test_what_is_no_image_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(MediaError, match="image"):
        draw(tmp_path / "clip.mp4", image=data)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "changes",
    [{"width": 191}, {"width": 16}, {"height": 9000}, {"duration": 0}, {"duration": -1}, {"duration": 0.001},
     {"duration": float("nan")}, {"duration": 1e9}, {"fps": 0}, {"fps": 1000}],
)  # fmt: skip
def test_impossible_orders_are_refused(tmp_path: Path, changes: dict[str, float]) -> None:
    with pytest.raises(MediaError):
        draw(tmp_path / "clip.mp4", **changes)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
def test_ffprobe_agrees(tmp_path: Path) -> None:
    path = draw(tmp_path / "clip.mp4", duration=1.5, fps=24)
    shown = subprocess.run(
        ["ffprobe", "-v", "error", "-count_frames", "-print_format", "json", "-show_streams", str(path)],
        capture_output=True,
        check=True,
    )
    (stream,) = json.loads(shown.stdout)["streams"]
    assert (stream["codec_name"], stream["pix_fmt"], stream["r_frame_rate"]) == ("h264", "yuv420p", "24/1")
    assert (stream["width"], stream["height"]) == (192, 108)
    assert float(stream["duration"]) == 1.5
    assert int(stream["nb_read_frames"]) == 36
    assert read_mp4(path) == Mp4Info(
        duration=1.5, fps=24.0, width=192, height=108, codec="h264", audio=False, faststart=True, frames=36
    )
