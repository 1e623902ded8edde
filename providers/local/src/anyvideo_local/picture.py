"""The caller's own image as a canvas for the camera."""

from __future__ import annotations

import io

from PIL import Image, ImageFilter, ImageOps, UnidentifiedImageError

from anyvideo.types.errors import MediaError
from anyvideo_local.camera import Move
from anyvideo_local.stage import Stage, View

MOST_PIXELS = 64_000_000
_FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "MPO", "PNG", "TIFF", "WEBP")
_SHARPNESS = 1.25
_CLOSE_ENOUGH = 1.5
_PAPER = (255, 255, 255)


class Photo:
    """An image laid out for one stage and one move, then drawn for any view."""

    def __init__(self, stage: Stage, data: bytes, move: Move) -> None:
        self._size = (stage.width, stage.height)
        layout = (round(stage.width * _SHARPNESS), round(stage.height * _SHARPNESS))
        self._canvas = _lay_out(load_image(data, layout), layout)
        self._window = 1 - 2 * move.reach

    def frame(self, view: View, seconds: float) -> Image.Image:  # noqa: ARG002
        """One picture, of the stage's size."""
        width, height = self._canvas.size
        share = self._window / view.zoom
        slack = (1 - share) / 2
        x = 0.5 + max(-slack, min(slack, view.x))
        y = 0.5 + max(-slack, min(slack, view.y))
        half = share / 2
        box = ((x - half) * width, (y - half) * height, (x + half) * width, (y + half) * height)
        inside = (max(0.0, box[0]), max(0.0, box[1]), min(width, box[2]), min(height, box[3]))
        return self._canvas.resize(self._size, Image.Resampling.BILINEAR, box=inside)


def load_image(data: bytes, needed: tuple[int, int]) -> Image.Image:
    """Decode to upright, opaque RGB, no larger than it takes to cover `needed` pixels.

    Raises `MediaError` for what is no image, or one of more than `MOST_PIXELS`.
    """
    Image.init()
    known = [name for name in _FORMATS if name in Image.OPEN]
    try:
        with Image.open(io.BytesIO(data), formats=known) as image:
            if image.width * image.height > MOST_PIXELS:
                raise _too_large(f"{image.width}x{image.height}")
            larger = max(needed)
            image.draft("RGB", (larger * 2, larger * 2))
            image.load()
            return _upright(image, larger * 2)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large("far more") from error
    except UnidentifiedImageError as error:
        raise MediaError(
            "the image cannot be read: it is not a format that can be drawn",
            hint="use PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF",
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, OverflowError) as error:
        raise MediaError(f"the image is damaged: {error}") from error


def _too_large(size: str) -> MediaError:
    return MediaError(
        f"the image is too large: {size} pixels where {MOST_PIXELS} are allowed",
        hint="send a smaller copy",
    )


def _upright(image: Image.Image, larger: int) -> Image.Image:
    picture: Image.Image = ImageOps.exif_transpose(image)
    if picture.mode.startswith("I"):
        picture = picture.convert("I").point(lambda value: value / 256).convert("L")
    if picture.mode not in ("RGB", "RGBA", "L"):
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    picture.thumbnail((larger * 4, larger * 4), Image.Resampling.BOX)
    if picture.mode == "RGBA":
        paper = Image.new("RGB", picture.size, _PAPER)
        paper.paste(picture, (0, 0), picture)
        return paper
    return picture.convert("RGB")


def _lay_out(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Cover the canvas where the shapes are alike; else show the whole image over its own blur."""
    shape = (image.width / image.height) / (size[0] / size[1])
    covered = ImageOps.fit(image, size, Image.Resampling.LANCZOS)
    if 1 / _CLOSE_ENOUGH <= shape <= _CLOSE_ENOUGH:
        return covered
    small = covered.resize((max(1, size[0] // 8), max(1, size[1] // 8)), Image.Resampling.BOX)
    soft = small.filter(ImageFilter.GaussianBlur(max(size) / 150)).point(lambda value: value * 0.55)
    canvas = soft.resize(size, Image.Resampling.BICUBIC)
    whole = ImageOps.contain(image, size, Image.Resampling.LANCZOS)
    canvas.paste(whole, ((size[0] - whole.width) // 2, (size[1] - whole.height) // 2))
    return canvas
