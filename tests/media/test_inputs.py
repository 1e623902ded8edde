"""Pictures from everything that a caller may have."""

from __future__ import annotations

import base64
import io
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image as Picture

from anyvideo.media import encode_mp4, probe
from anyvideo.media.inputs import load_image
from anyvideo.media.pixels import pixels
from anyvideo.types.errors import InvalidRequest
from anyvideo.types.money import Cost, CostBasis
from anyvideo.types.video import Video


def png(color: str = "navy") -> bytes:
    content = io.BytesIO()
    Picture.new("RGB", (64, 36), color).save(content, "PNG")
    return content.getvalue()


def video(path: Path) -> Video:
    return Video(
        job_id="job_1",
        path=path,
        info=probe(path),
        model="fake/video",
        cost=Cost(micros=1, basis=CostBasis.REPORTED),
        attempts=(),
        adjustments=(),
    )


def test_bytes_paths_files_and_data_uris_are_the_same_picture(tmp_path: Path) -> None:
    path = tmp_path / "scene.png"
    path.write_bytes(png())
    uri = f"data:image/png;base64,{base64.b64encode(png()).decode()}"
    percent = f"data:image/png,{quote(png())}"
    content: list[Any] = [png(), bytearray(png()), memoryview(png()), io.BytesIO(png())]
    with path.open("rb") as file:
        found = [load_image(one) for one in (*content, path, str(path), file, uri, percent)]
    assert {image.sha256 for image in found} == {found[0].sha256}
    assert {(image.content_type, image.size) for image in found} == {("image/png", len(png()))}


def encoded(kind: str, size: tuple[int, int], **options: Any) -> bytes:
    content = io.BytesIO()
    Picture.new(options.pop("mode", "RGB"), size, "teal").save(content, kind, **options)
    return content.getvalue()


KINDS: list[tuple[str, dict[str, Any]]] = [
    ("PNG", {}),
    ("JPEG", {}),
    ("JPEG", {"progressive": True, "comment": b"\xff\xc0 " * 99, "icc_profile": bytes(99_000)}),
    ("JPEG", {"mode": "CMYK"}),
    ("WEBP", {}),
    ("WEBP", {"lossless": True}),
    ("WEBP", {"mode": "RGBA", "exif": b"Exif\0\0" + bytes(20)}),
]


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_a_pictures_size_is_read_from_its_header(kind: str, options: dict[str, Any]) -> None:
    for size in ((1, 1), (640, 361), (1023, 4096)):
        content = encoded(kind, size, **options)
        assert pixels(content) == size
        assert load_image(content).size == len(content)


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_a_file_that_is_only_the_beginning_of_a_picture_is_refused(
    kind: str, options: dict[str, Any]
) -> None:
    content = encoded(kind, (64, 36), **options)
    for length in range(1, 20):
        with pytest.raises(InvalidRequest) as caught:
            load_image(content[:length])
        assert caught.value.field == "image"


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(4) + b"\0\0\0\x09" + bytes(9),
        b"\x89PNG\r\n\x1a\n" + bytes(1000),
        b"\xff\xd8\xff" + bytes(1000),
        b"\xff\xd8" + b"\xff" * 1000,
        b"\xff\xd8\xff\xda" + bytes(1000),
        b"RIFF\0\0\0\0WEBP" + bytes(1000),
        b"RIFF\0\0\0\0WEBPVP8 " + bytes(1000),
    ],
)
def test_a_header_without_a_size_is_no_picture(content: bytes) -> None:
    with pytest.raises(InvalidRequest, match="broken"):
        load_image(content)


def test_what_a_data_uri_says_of_itself_is_not_believed() -> None:
    uri = f"DATA:image/webp;base64,{base64.b64encode(png()).decode()}"
    assert load_image(uri).content_type == "image/png"
    with pytest.raises(InvalidRequest, match="no JPEG, PNG or WebP") as caught:
        load_image(f"data:image/png;base64,{base64.b64encode(b'<html>').decode()}")
    assert caught.value.field == "image"


@pytest.mark.parametrize("uri", ["data:image/png;base64", "data:image/png;base64,not base64!", "data:,"])
def test_a_broken_data_uri_is_refused(uri: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        load_image(uri)
    assert caught.value.field == "image"


def test_a_file_that_gives_text_is_refused() -> None:
    with tempfile.TemporaryFile("w+") as file, pytest.raises(InvalidRequest, match="open for text") as caught:
        load_image(file)  # type: ignore[arg-type]
    assert '"rb"' in str(caught.value.hint)


@pytest.mark.parametrize("mode", ["w", "r"])
def test_a_text_file_that_cannot_be_read_is_refused(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "scene.png"
    path.write_bytes(png())
    with path.open(mode) as file, pytest.raises(InvalidRequest) as caught:
        load_image(file)  # type: ignore[arg-type]
    assert '"rb"' in str(caught.value.hint)


@pytest.mark.parametrize("form", ["file://{}", "FILE://localhost{}"])
def test_a_file_address_is_the_path_that_it_names(tmp_path: Path, form: str) -> None:
    path = tmp_path / "a red fox.png"
    path.write_bytes(png())
    assert load_image(form.format(quote(str(path)))).data == png()
    with pytest.raises(InvalidRequest, match="No such file") as caught:
        load_image(form.format("/nowhere/fox.png"))
    assert caught.value.field == "image"


def test_a_file_of_another_machine_is_refused_with_the_way_out() -> None:
    with pytest.raises(InvalidRequest, match="another machine") as caught:
        load_image("file://lake.png")
    assert "file:///" in str(caught.value.hint)


def test_an_earlier_clip_stands_for_its_last_frame(tmp_path: Path) -> None:
    """The clip goes from black to red; its last frame is the reddest."""
    path = tmp_path / "clip.mp4"
    frames = [bytes([round(255 * at / 47), 0, 0]) * (160 * 90) for at in range(48)]
    encode_mp4(path, frames, width=160, height=90, fps=12)
    image = load_image(video(path))
    assert image.data is not None
    shown = Picture.open(io.BytesIO(image.data))
    assert shown.size == (160, 90)
    red, green, blue = shown.convert("RGB").getpixel((80, 45))  # type: ignore[misc]
    assert red > 245
    assert max(green, blue) < 10


def test_an_earlier_clip_that_cannot_be_read_is_a_wrong_image(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    encode_mp4(path, [bytes(64 * 36 * 3)] * 4, width=64, height=36, fps=4)
    clip = video(path)
    path.write_bytes(path.read_bytes()[:40] + bytes(100))
    with pytest.raises(InvalidRequest, match="last frame of job job_1") as caught:
        load_image(clip)
    assert caught.value.field == "image"
    path.unlink()
    with pytest.raises(InvalidRequest, match="last frame"):
        load_image(clip)


def test_addresses_are_only_looked_at() -> None:
    for address in ("https://host.example/a.png", "s3://bucket/a.png", "supabase://bucket/a.png"):
        assert load_image(address).url == address
    with pytest.raises(InvalidRequest, match="no credentials"):
        load_image("https://user:secret@host.example/a.png")
