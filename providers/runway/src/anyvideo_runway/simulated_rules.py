"""What the simulated Runway accepts, per endpoint and model, and what a second of output costs.

Lengths, ratios and keys are those of Runway's API document 2024-11-06 and the types of its SDK 5.24.
Credits per second of output are those of Runway's pricing page as saved on 2026-10-04; one credit is
$0.01 before tax. What a duration that is left out means is not published for every model: 10 s is
billed for gen4_turbo and 8 s for the veo models.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlsplit

USD_PER_CREDIT: Final = Decimal("0.01")
UPLOAD_LIFE: Final = timedelta(hours=24)
MAX_DATA_URI: Final = 5_242_880
MAX_URL: Final = 2048
MAX_PROMPT: Final = 1000

_TWO: Final = ("1280:720", "720:1280")
_FOUR: Final = ("1280:720", "720:1280", "1080:1920", "1920:1080")
_SIX: Final = ("1280:720", "720:1280", "1104:832", "960:960", "832:1104", "1584:672")
_COMMON: Final = ("model", "promptText", "promptImage", "ratio", "duration")
_GEN: Final = (*_COMMON, "seed", "contentModeration")
_GEN45: Final = (*_GEN, "outputFormat", "proresProfile")
_VEO: Final = (*_COMMON, "audio", "negativePrompt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One model on one endpoint. `images` is how many keyframes it takes, 0 on text_to_video."""

    model: str
    ratios: tuple[str, ...]
    durations: tuple[int, ...]
    default_duration: int
    required: tuple[str, ...]
    keys: tuple[str, ...]
    images: int
    credits_loud: int
    credits_silent: int

    def seconds(self, body: Mapping[str, Any]) -> int:
        return int(body.get("duration", self.default_duration))

    def credits(self, body: Mapping[str, Any]) -> int:
        """The price of the whole clip in credits; sound is on unless it is turned off."""
        each = self.credits_loud if body.get("audio", True) else self.credits_silent
        return each * self.seconds(body)


def _gen(model: str, ratios: tuple[str, ...], images: int, each: int, *required: str) -> Rule:
    return Rule(
        model=model,
        ratios=ratios,
        durations=tuple(range(2, 11)),
        default_duration=10,
        required=("ratio", *required),
        keys=_GEN45 if model == "gen4.5" else _GEN,
        images=images,
        credits_loud=each,
        credits_silent=each,
    )


def _veo(model: str, images: int, loud: int, silent: int, required: str) -> Rule:
    return Rule(
        model=model,
        ratios=_FOUR,
        durations=(4, 6, 8),
        default_duration=8,
        required=("ratio", required),
        keys=_VEO,
        images=images,
        credits_loud=loud,
        credits_silent=silent,
    )


RULES: Final[Mapping[str, tuple[Rule, ...]]] = {
    "text_to_video": (
        _gen("gen4.5", _TWO, 0, 12, "promptText", "duration"),
        _veo("veo3.1", 0, 40, 20, "promptText"),
        _veo("veo3.1_fast", 0, 15, 10, "promptText"),
    ),
    "image_to_video": (
        _gen("gen4.5", _SIX, 1, 12, "promptText", "promptImage", "duration"),
        _gen("gen4_turbo", _SIX, 1, 5, "promptImage"),
        _veo("veo3.1", 2, 40, 20, "promptImage"),
        _veo("veo3.1_fast", 2, 15, 10, "promptImage"),
    ),
}

MODELS: Final = ("gen4.5", "gen4_turbo", "veo3.1", "veo3.1_fast")

Issue = dict[str, Any]
Known = Callable[[str], bool]
"""Whether a runway:// address was handed out by this server and is still good."""


def rule_for(endpoint: str, model: object) -> Rule | None:
    return next((rule for rule in RULES[endpoint] if rule.model == model), None)


def model_issue(endpoint: str) -> Issue:
    """What is said about a model that the endpoint does not have."""
    words = " | ".join(f"'{rule.model}'" for rule in RULES[endpoint])
    return issue("invalid_union_discriminator", f"Invalid discriminator value. Expected {words}", "model")


def issues(rule: Rule, body: Mapping[str, Any], known: Known) -> list[Issue]:
    """Everything that is wrong with a body, at once."""
    keys = tuple(key for key in rule.keys if rule.images or key != "promptImage")
    found = [issue("invalid_type", "Required", key) for key in rule.required if key not in body]
    extra = [key for key in body if key not in keys]
    if extra:
        named = ", ".join(f"'{key}'" for key in extra)
        found.append({**issue("unrecognized_keys", f"Unrecognized key(s) in object: {named}"), "keys": extra})
    for key, check in _CHECKS.items():
        if key in body and key in keys:
            found += check(rule, body[key])
    if rule.images and "promptImage" in body:
        found += _image_issues(rule, body["promptImage"], known)
    return found


def issue(code: str, message: str, *path: str | int) -> Issue:
    return {"code": code, "path": list(path), "message": message}


def _ratio(rule: Rule, value: object) -> list[Issue]:
    expected = " | ".join(f"'{ratio}'" for ratio in rule.ratios)
    told = f"Invalid enum value. Expected {expected}"
    return [] if value in rule.ratios else [issue("invalid_enum_value", told, "ratio")]


def _duration(rule: Rule, value: object) -> list[Issue]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return [issue("invalid_type", "Expected number", "duration")]
    allowed = ", ".join(str(seconds) for seconds in rule.durations)
    told = f"Expected one of {allowed}"
    return [] if value in rule.durations else [issue("invalid_value", told, "duration")]


def _text(key: str) -> Callable[[Rule, object], list[Issue]]:
    def check(_: Rule, value: object) -> list[Issue]:
        if not isinstance(value, str):
            return [issue("invalid_type", "Expected string", key)]
        units = len(value.encode("utf-16-le")) // 2
        if not units:
            return [issue("too_small", "String must contain at least 1 character(s)", key)]
        told = f"String must contain at most {MAX_PROMPT} character(s)"
        return [issue("too_big", told, key)] if units > MAX_PROMPT else []

    return check


def _audio(_: Rule, value: object) -> list[Issue]:
    return [] if isinstance(value, bool) else [issue("invalid_type", "Expected boolean", "audio")]


def _seed(_: Rule, value: object) -> list[Issue]:
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 4_294_967_295
    return [] if fits else [issue("invalid_type", "Expected an integer from 0 to 4294967295", "seed")]


_CHECKS: Final[Mapping[str, Callable[[Rule, object], list[Issue]]]] = {
    "ratio": _ratio,
    "duration": _duration,
    "promptText": _text("promptText"),
    "negativePrompt": _text("negativePrompt"),
    "audio": _audio,
    "seed": _seed,
}


def _image_issues(rule: Rule, value: object, known: Known) -> list[Issue]:
    if isinstance(value, str):
        return _uri_issues(value, known, "promptImage")
    if not isinstance(value, list) or not 1 <= len(value) <= rule.images:
        return [issue("invalid_type", f"Expected a string or up to {rule.images} image(s)", "promptImage")]
    places = ("first", "last")[: rule.images]
    found: list[Issue] = []
    for number, image in enumerate(value):
        if not isinstance(image, dict) or image.get("position") not in places:
            told = f"Expected {' | '.join(places)}"
            found.append(issue("invalid_enum_value", told, "promptImage", number, "position"))
        else:
            found += _uri_issues(image.get("uri"), known, "promptImage", number, "uri")
    return found


def _uri_issues(uri: object, known: Known, *path: str | int) -> list[Issue]:
    if not isinstance(uri, str):
        return [issue("invalid_type", "Expected string", *path)]
    if uri.startswith("runway://"):
        return [] if known(uri) else [issue("custom", "The upload does not exist or has expired", *path)]
    if uri.startswith("data:image/"):
        return [] if len(uri) <= MAX_DATA_URI else [issue("too_big", "Data URIs may be at most 5 MB", *path)]
    if not uri.startswith("https://") or len(uri) > MAX_URL:
        told = "Expected an HTTPS URL, a Runway upload URI or a data URI of an image"
        return [issue("invalid_string", told, *path)]
    return [issue("custom", "URLs must use a domain name", *path)] if _is_address(uri) else []


def _is_address(uri: str) -> bool:
    try:
        ipaddress.ip_address(urlsplit(uri).hostname or "")
    except ValueError:
        return False
    return True
