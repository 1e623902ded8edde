"""What the caller wants, in provider-free terms."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

from anyvideo.types.errors import InvalidRequest

_RATIO = re.compile(r"([1-9]\d{0,3}):([1-9]\d{0,3})")
_RESOLUTION = re.compile(r"[1-9]\d{2,3}p|[24]k")
MAX_PROMPT = 20_000
MAX_DURATION = 600.0


class Task(StrEnum):
    """What kind of generation it is, in the field's own names."""

    TEXT_TO_VIDEO = "text_to_video"
    IMAGE_TO_VIDEO = "image_to_video"
    FIRST_LAST_FRAME = "first_last_frame"
    EXTEND_VIDEO = "extend_video"
    VIDEO_TO_VIDEO = "video_to_video"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An input picture: a public address, or content that is in memory or on this machine's disk.

    `size` is in bytes. `storage_address` is where content lies in the caller's own storage, too, so that an
    address can be signed for a vendor who takes no content. `anyvideo.media.load_image` makes an Image from a
    path, bytes, a file or an address.
    """

    url: str | None = None
    content_type: str | None = None
    size: int | None = None
    sha256: str | None = None
    path: Path | None = None
    data: bytes | None = dataclass_field(default=None, repr=False)
    storage_address: str | None = None

    def __post_init__(self) -> None:
        if (self.url is None) == (self.data is None and self.path is None):
            raise InvalidRequest("an image is either an address or content", field="image")


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoRequest:
    """One wish for one clip. Validated on construction: raises InvalidRequest naming the field.

    `duration` is in seconds, `fps` in frames per second, `aspect_ratio` like "16:9",
    `resolution` like "720p" or "4k", `steps` of inference from 1 to 1000, `motion` from 1 (still) to 255 as
    Stable Video Diffusion counts it: the last two are for the few models that take them. None leaves the
    choice to the model's declared default.
    """

    prompt: str | None = None
    image: Image | None = None
    duration: float | None = None
    aspect_ratio: str | None = None
    resolution: str | None = None
    fps: float | None = None
    seed: int | None = None
    negative_prompt: str | None = None
    audio: bool | None = None
    steps: int | None = None
    motion: int | None = None

    def __post_init__(self) -> None:
        _check_text("prompt", self.prompt)
        _check_text("negative_prompt", self.negative_prompt)
        if self.prompt is None and self.image is None:
            raise InvalidRequest("a prompt or an image is needed", field="prompt")
        _check_number("duration", self.duration, most=MAX_DURATION, unit="seconds")
        _check_number("fps", self.fps, most=240.0, unit="frames per second")
        _check_pattern("aspect_ratio", self.aspect_ratio, _RATIO, "two whole numbers like '16:9'")
        _check_pattern("resolution", self.resolution, _RESOLUTION, "a height like '720p', or '4k'")
        _check_whole("steps", self.steps, most=1000)
        _check_whole("motion", self.motion, most=255)
        if self.audio not in (None, True, False):
            raise InvalidRequest(f"audio must be True or False, not {self.audio!r}", field="audio")
        if self.seed is not None and (type(self.seed) is not int or not 0 <= self.seed < 2**32):
            raise InvalidRequest(
                f"seed must be a whole number from 0 to 4294967295, not {self.seed!r}", field="seed"
            )

    @property
    def task(self) -> Task:
        """What the inputs make of it."""
        return Task.TEXT_TO_VIDEO if self.image is None else Task.IMAGE_TO_VIDEO


def ratio_value(ratio: str) -> Fraction:
    """`"16:9"` as a fraction."""
    width, height = ratio.split(":")
    return Fraction(int(width), int(height))


def _check_text(name: str, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, str):
        raise InvalidRequest(f"{name} must be text, not {type(value).__name__}", field=name)
    if not value.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise InvalidRequest(f"{name} holds half a character", field=name, hint="give text in valid Unicode")
    if not value.strip():
        raise InvalidRequest(f"{name} is empty", field=name, hint="say what the clip should show")
    if len(value) > MAX_PROMPT:
        raise InvalidRequest(f"{name} is longer than {MAX_PROMPT} characters", field=name)


def _check_number(name: str, value: object, *, most: float, unit: str) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidRequest(f"{name} is not a number: {value!r}", field=name)
    if not 0 < value <= most:
        raise InvalidRequest(f"{name} must be above 0 and at most {most:g} {unit}, not {value:g}", field=name)


def _check_whole(name: str, value: int | None, *, most: int) -> None:
    if value is not None and (type(value) is not int or not 1 <= value <= most):
        raise InvalidRequest(f"{name} must be a whole number from 1 to {most}, not {value!r}", field=name)


def _check_pattern(name: str, value: object, pattern: re.Pattern[str], form: str) -> None:
    if value is not None and not (isinstance(value, str) and pattern.fullmatch(value)):
        raise InvalidRequest(f"{name} is not understood: {value!r}", field=name, hint=f"use {form}")
