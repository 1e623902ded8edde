"""The models of the simulated Replicate: their inputs, how long they compute, what they cost.

The inputs are those of the models' public OpenAPI schemas. Prices are Replicate's own, read from
replicate.com/pricing (stored copy, date unknown): gpu-a100-large, 80 GB, $0.001400 a second; and for
bytedance/seedance-1-lite from its model page, late 2025: $0.018, $0.036 and $0.072 per second of output
at 480p, 720p and 1080p. Which GPU the community models run on is not published anywhere we could
verify; they are billed as A100. The compute seconds are those of the models' published examples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from anyvideo.testing.simulator import Clip

A100_80GB: Final = Decimal("0.001400")
SEEDANCE_LITE: Final = {"480p": Decimal("0.018"), "720p": Decimal("0.036"), "1080p": Decimal("0.072")}

MAX_DATA_URL: Final = 256 * 1024
"""Replicate's document: data URLs up to 256 KB, an HTTP URL for anything larger."""

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One model. `version` is None for an official one, which is called by its slug and bills by output."""

    slug: str
    version: str | None
    inputs: Mapping[str, Mapping[str, Any]]
    required: tuple[str, ...]
    predict_time: float
    clip: Callable[[Mapping[str, Any]], Clip]
    says: str

    @property
    def official(self) -> bool:
        return self.version is None

    def schema(self) -> dict[str, Any]:
        """The JSON schema of its input."""
        properties, required = dict(self.inputs), list(self.required)
        return {"type": "object", "title": "Input", "required": required, "properties": properties}

    def filled(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The input with the model's defaults."""
        defaults = {name: rule["default"] for name, rule in self.inputs.items() if "default" in rule}
        return {**defaults, **given}

    def price(self, given: Mapping[str, Any], predict_time: float) -> Decimal:
        """The bill in USD for a finished or canceled run."""
        if not self.official:
            return Decimal(str(round(predict_time, 6))) * A100_80GB
        values = self.filled(given)
        return SEEDANCE_LITE[values["resolution"]] * Decimal(str(values["duration"]))


def invalid_fields(card: Card, given: Mapping[str, Any]) -> list[dict[str, str]]:
    """What Replicate would find wrong with an input; inputs that the model does not know are let through."""
    found = [
        {"type": "required", "field": "input", "description": f"{name} is required"}
        for name in card.required
        if name not in given
    ]
    for name, value in given.items():
        rule = card.inputs.get(name)
        problem = _problem(name, rule, value) if rule is not None else None
        if problem is not None:
            found.append({"type": problem[0], "field": f"input.{name}", "description": problem[1]})
    return found


def _problem(name: str, rule: Mapping[str, Any], value: object) -> tuple[str, str] | None:
    kind = rule["type"]
    if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        return "invalid_type", f"Invalid type. Expected: {kind}, given: {type(value).__name__}"
    if "enum" in rule and value not in rule["enum"]:
        words = ", ".join(repr(word) for word in rule["enum"])
        return "enum", f"{name} must be one of the following: {words}"
    if isinstance(value, int | float) and "minimum" in rule and value < rule["minimum"]:
        return "number_gte", f"Must be greater than or equal to {rule['minimum']}"
    if isinstance(value, int | float) and "maximum" in rule and value > rule["maximum"]:
        return "number_lte", f"Must be less than or equal to {rule['maximum']}"
    if isinstance(value, str) and rule.get("format") == "uri":
        return _uri_problem(value)
    return None


def _uri_problem(value: str) -> tuple[str, str] | None:
    if value.startswith("data:"):
        return ("format", "Data URLs may be at most 256 KB") if len(value) > MAX_DATA_URL else None
    return None if value.startswith(("http://", "https://")) else ("format", "Does not match format 'uri'")


def _svd_clip(given: Mapping[str, Any]) -> Clip:
    frames = 25 if given.get("video_length") == "25_frames_with_svd_xt" else 14
    return Clip(width=1024, height=576, fps=given.get("frames_per_second", 6), frames=frames)


def _cogvideox_clip(given: Mapping[str, Any]) -> Clip:
    return Clip(width=720, height=480, fps=8, frames=given.get("num_frames", 49))


def _seedance_clip(given: Mapping[str, Any]) -> Clip:
    short = int(str(given.get("resolution", "720p")).removesuffix("p"))
    return Clip.shaped(given.get("duration", 5), short_side=short, ratio=given.get("aspect_ratio", "16:9"))


_Inputs = Mapping[str, Mapping[str, Any]]

_URI: Final[Mapping[str, Any]] = {"type": "string", "format": "uri"}
_SEED: Final[Mapping[str, Any]] = {"type": "integer"}

_SVD: Final[_Inputs] = {
    "input_image": _URI,
    "video_length": {
        "type": "string",
        "enum": ["14_frames_with_svd", "25_frames_with_svd_xt"],
        "default": "14_frames_with_svd",
    },
    "sizing_strategy": {
        "type": "string",
        "enum": ["maintain_aspect_ratio", "crop_to_16_9", "use_image_dimensions"],
        "default": "maintain_aspect_ratio",
    },
    "frames_per_second": {"type": "integer", "minimum": 5, "maximum": 30, "default": 6},
    "motion_bucket_id": {"type": "integer", "minimum": 1, "maximum": 255, "default": 127},
    "cond_aug": {"type": "number", "default": 0.02},
    "decoding_t": {"type": "integer", "default": 14},
    "seed": _SEED,
}

_COGVIDEOX: Final[_Inputs] = {
    "prompt": {"type": "string"},
    "num_inference_steps": {"type": "integer", "minimum": 1, "maximum": 500, "default": 50},
    "guidance_scale": {"type": "number", "minimum": 1, "maximum": 20, "default": 6},
    "num_frames": {"type": "integer", "default": 49},
    "seed": _SEED,
}

_COGVIDEOX_5B: Final[_Inputs] = {
    "prompt": {"type": "string"},
    "extend_prompt": {"type": "boolean", "default": True},
    "steps": {"type": "integer", "minimum": 1, "maximum": 120, "default": 50},
    "guidance": {"type": "number", "minimum": 0, "maximum": 12, "default": 6},
    "num_outputs": {"type": "integer", "default": 1},
    "seed": {"type": "integer", "default": 42},
}

_SEEDANCE: Final[_Inputs] = {
    "prompt": {"type": "string"},
    "image": _URI,
    "last_frame_image": _URI,
    "reference_images": {"type": "array"},
    "duration": {"type": "integer", "minimum": 2, "maximum": 12, "default": 5},
    "resolution": {"type": "string", "enum": ["480p", "720p", "1080p"], "default": "720p"},
    "aspect_ratio": {
        "type": "string",
        "enum": ["16:9", "4:3", "1:1", "3:4", "9:16", "21:9", "9:21"],
        "default": "16:9",
    },
    "fps": {"type": "integer", "enum": [24], "default": 24},
    "camera_fixed": {"type": "boolean", "default": False},
    "seed": _SEED,
}


def _svd(slug: str, version: str, predict_time: float) -> Card:
    return Card(
        slug=slug,
        version=version,
        inputs=_SVD,
        required=("input_image",),
        predict_time=predict_time,
        clip=_svd_clip,
        says="Turns an image into a short video.",
    )


CARDS: Final = (
    _svd(
        "stability-ai/stable-video-diffusion",
        "3f0457e4619daac51203dedb472816fd4af51f3149fa7a9e0b5ffcf1b8172438",
        32.0,
    ),
    _svd(
        "christophy/stable-video-diffusion",
        "92a0c9a9cb1fd93ea0361d15e499dc879b35095077b2feed47315ccab4524036",
        33.5,
    ),
    _svd(
        "sunfjun/stable-video-diffusion",
        "d68b6e09eedbac7a49e3d8644999d93579c386a083768235cabca88796d70d82",
        31.8,
    ),
    Card(
        slug="thudm/cogvideox-t2v",
        version="e047b1d734c550671fb4de7f7df7f9341ed498b4aa7cd88b82533b60dfec33e3",
        inputs=_COGVIDEOX,
        required=(),
        predict_time=415.0,
        clip=_cogvideox_clip,
        says="Turns a text into a video.",
    ),
    Card(
        slug="thudm/cogvideox-i2v",
        version="82caaa79520e03b3963c975e38dd68ac8a6b18a8a39c19fd8dc03b4ed4b91c58",
        inputs={**_COGVIDEOX, "image": _URI},
        required=("image",),
        predict_time=406.0,
        clip=_cogvideox_clip,
        says="Turns a text and an image into a video.",
    ),
    Card(
        slug="cuuupid/cogvideox-5b",
        version="5b14e2c2c648efecc8d36c6353576552f8a124e690587212f8e8bb17ecda3d8c",
        inputs=_COGVIDEOX_5B,
        required=("prompt",),
        predict_time=234.0,
        clip=_cogvideox_clip,
        says="Turns a text into a video.",
    ),
    Card(
        slug="bytedance/seedance-1-lite",
        version=None,
        inputs=_SEEDANCE,
        required=("prompt",),
        predict_time=40.0,
        clip=_seedance_clip,
        says="Turns a text, and an image if there is one, into a video.",
    ),
)


def by_slug(slug: str) -> Card | None:
    return next((card for card in CARDS if card.slug == slug), None)


def by_version(word: str) -> Card | None:
    """The model meant by `hash`, `owner/name:hash` or the `owner/name` of an official one."""
    slug, _, version = word.rpartition(":")
    if "/" in word and not slug:
        card = by_slug(word)
        return card if card is not None and card.official else None
    return next((card for card in CARDS if card.version == version and slug in ("", card.slug)), None)
