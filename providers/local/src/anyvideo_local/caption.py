"""What is written over the picture: the prompt below, and the word that says what this clip is."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from anyvideo_local.stage import Stage

LABEL = "ANIMATIC"
_MOST_LETTERS = 400
_MOST_LINES = 3
_SAFE = 0.05
_OTHER_FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "Arial Unicode.ttf",
    "PingFang.ttc",
    "msyh.ttc",
)

_Font = ImageFont.FreeTypeFont


@dataclass(frozen=True, slots=True)
class Overlay:
    """A picture and its mask, drawn once and laid over every frame."""

    image: Image.Image
    mask: Image.Image

    def draw(self, picture: Image.Image) -> None:
        """Lay it over `picture`, which has the same size."""
        picture.paste(self.image, (0, 0), self.mask)


def build_overlay(stage: Stage, prompt: str | None, *, vignette: bool) -> Overlay:
    """Caption, label and, for drawn scenes, darker corners, for frames of the stage's size."""
    layer = Image.new("RGBA", (stage.width, stage.height), (0, 0, 0, 0))
    if vignette:
        layer.putalpha(_vignette(layer.size))
    words = clean(prompt or "")
    if words:
        layer = _write_caption(layer, stage, words)
    layer = _write_label(layer, stage)
    return Overlay(layer.convert("RGB"), layer.getchannel("A"))


def clean(text: str) -> str:
    """One line of printable text: no control characters, no lone surrogates, no runs of blanks."""
    kept = (" " if letter.isspace() else letter for letter in text[: _MOST_LETTERS * 2])
    visible = "".join(letter for letter in kept if unicodedata.category(letter) not in _INVISIBLE)
    words = " ".join(unicodedata.normalize("NFC", visible).split())
    return words if len(words) <= _MOST_LETTERS else words[: _MOST_LETTERS - 1].rstrip() + "…"


_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def _vignette(size: tuple[int, int]) -> Image.Image:
    table = [round(92 * max(0.0, (value - 96) / 159) ** 1.7) for value in range(256)]
    return Image.radial_gradient("L").resize(size, Image.Resampling.BICUBIC).point(table)


def _write_caption(layer: Image.Image, stage: Stage, words: str) -> Image.Image:
    room = stage.width * (1 - 2 * _SAFE)
    font, lines = _fit(words, stage, room)
    if not lines:
        return layer
    pitch = round(font.size * 1.28)
    bottom = round(stage.height * (1 - _SAFE))
    top = bottom - pitch * len(lines)
    layer = Image.alpha_composite(layer, _scrim(layer.size, max(0, top - 2 * pitch)))
    text = Image.new("L", layer.size, 0)
    draw = ImageDraw.Draw(text)
    for index, line in enumerate(lines):
        draw.text((stage.width / 2, top + pitch * (index + 0.5)), line, font=font, fill=255, anchor="mm")
    return _ink(layer, text, font.size)


def _scrim(size: tuple[int, int], top: int) -> Image.Image:
    width, height = size
    fade = Image.linear_gradient("L").resize((width, max(1, height - top)), Image.Resampling.BILINEAR)
    alpha = Image.new("L", size, 0)
    alpha.paste(fade.point([round(165 * (value / 255) ** 1.4) for value in range(256)]), (0, top))
    return _tinted(alpha, (6, 8, 14))


def _ink(layer: Image.Image, text: Image.Image, size: float) -> Image.Image:
    """White letters with a soft shadow, legible on anything."""
    blur = text.filter(ImageFilter.GaussianBlur(max(1.0, size * 0.09)))
    shadow = _tinted(blur.point([min(235, value * 2) for value in range(256)]), (0, 0, 0))
    return Image.alpha_composite(Image.alpha_composite(layer, shadow), _tinted(text, (255, 255, 255)))


def _tinted(alpha: Image.Image, color: tuple[int, int, int]) -> Image.Image:
    layer = Image.new("RGBA", alpha.size, color)
    layer.putalpha(alpha)
    return layer


def _write_label(layer: Image.Image, stage: Stage) -> Image.Image:
    font = ImageFont.load_default(max(7.0, stage.unit * 0.026))
    assert isinstance(font, _Font)
    gap = font.size * 0.22
    widths = [font.getlength(letter) for letter in LABEL]
    pad = font.size * 0.6
    left, top = stage.width * _SAFE * 0.8, stage.height * _SAFE * 0.9
    right, bottom = left + sum(widths) + gap * (len(LABEL) - 1) + 2 * pad, top + font.size * 1.7
    plate = Image.new("L", layer.size, 0)
    ImageDraw.Draw(plate).rounded_rectangle((left, top, right, bottom), radius=font.size * 0.35, fill=165)
    text = Image.new("L", layer.size, 0)
    draw = ImageDraw.Draw(text)
    x = left + pad
    for letter, wide in zip(LABEL, widths, strict=True):
        draw.text((x, (top + bottom) / 2), letter, font=font, fill=255, anchor="lm")
        x += wide + gap
    layer = Image.alpha_composite(layer, _tinted(plate, (10, 12, 18)))
    return Image.alpha_composite(layer, _tinted(text, (255, 214, 120)))


def _fit(words: str, stage: Stage, room: float) -> tuple[_Font, list[str]]:
    """The largest of three sizes at which the words take few enough lines, and those lines."""
    font, lines = _font(words, 8.0), [""]
    for share in (0.046, 0.039, 0.033):
        font = _font(words, max(8.0, stage.unit * share))
        lines = list(_wrap(_drawable(words, font), font, room))
        if len(lines) <= _MOST_LINES:
            return font, lines
    last = lines[_MOST_LINES - 1]
    while last and font.getlength(last + "…") > room:
        last = last[:-1]
    return font, [*lines[: _MOST_LINES - 1], last.rstrip() + "…"]


def _wrap(words: str, font: _Font, room: float) -> Iterator[str]:
    """Break at blanks, and inside a word only when it alone is wider than the room."""
    line = ""
    for word in words.split():
        longer = f"{line} {word}" if line else word
        if font.getlength(longer) <= room:
            line = longer
            continue
        if line:
            yield line
        *full, line = _chop(word, font, room)
        yield from full
    if line:
        yield line


def _chop(word: str, font: _Font, room: float) -> list[str]:
    pieces = [""]
    for letter in word:
        if pieces[-1] and font.getlength(pieces[-1] + letter) > room:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def _font(words: str, size: float) -> _Font:
    """The font that Pillow carries, or one of the machine's where that one lacks letters of `words`."""
    bundled = ImageFont.load_default(size)
    assert isinstance(bundled, _Font)
    best, most = bundled, _covered(words, bundled)
    if most == len(words):
        return best
    for name in _OTHER_FONTS:
        try:
            other = ImageFont.truetype(name, size)
        except OSError:
            continue
        covered = _covered(words, other)
        if covered > most:
            best, most = other, covered
    return best


def _covered(words: str, font: _Font) -> int:
    missing = _glyph(font, "\U0010fffd")
    return sum(1 for letter in words if letter == " " or _glyph(font, letter) != missing)


def _drawable(words: str, font: _Font) -> str:
    """`words` without the letters that `font` would draw as an empty box."""
    missing = _glyph(font, "\U0010fffd")
    return "".join(letter for letter in words if letter == " " or _glyph(font, letter) != missing)


def _glyph(font: _Font, letter: str) -> bytes:
    return bytes(font.getmask(letter, mode="L"))
