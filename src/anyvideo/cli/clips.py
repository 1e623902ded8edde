"""The file of a batch: YAML, JSON or TOML with clips and what holds for all of them."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from anyvideo.types.errors import InvalidRequest, MissingExtra

if TYPE_CHECKING:
    from anyvideo.jobs.wish import BuyOptions

_TRUTH: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_HINT: Final = (
    "a list of clips, or options and a list under `clips`; each clip has at least a prompt or an image"
)


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError(value)
    return float(value)


def _whole(value: Any) -> int:
    number = _number(value)
    if number != int(number):
        raise ValueError(value)
    return int(number)


def _flag(value: Any) -> bool:
    return value if isinstance(value, bool) else _TRUTH[str(value).lower()]


def _words(value: Any) -> list[str]:
    if isinstance(value, list | tuple) and None in value:
        raise TypeError(value)
    return [str(word) for word in value] if isinstance(value, list | tuple) else [str(value)]


_KINDS: Final[Mapping[str, tuple[Callable[[Any], Any], str]]] = {
    **dict.fromkeys(
        ("duration", "fps", "timeout", "attempt_timeout", "poll_interval"), (_number, "a number")
    ),
    **dict.fromkeys(
        ("index", "seed", "steps", "motion", "concurrency", "min_successes", "tries"),
        (_whole, "a whole number"),
    ),
    **dict.fromkeys(("audio", "strict", "cache", "allow_unpriced"), (_flag, "true or false")),
    "models": (_words, "a list of models"),
}
"""What is no text, by its name. The YAML reader leaves all but a null text: 16:9 is no number of minutes."""
_NULL: Final = "tag:yaml.org,2002:null"

TERMS: Final = ("concurrency", "min_successes", "budget", "batch_id", "tries", "not_before")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFile:
    """What a batch's file says: clips, options for all of them, and terms of the batch."""

    clips: list[dict[str, Any]]
    options: dict[str, Any] = field(default_factory=dict)
    terms: dict[str, Any] = field(default_factory=dict)


def read_clip_file(path: Path) -> ClipFile:
    """Read and check it; pictures' paths start from its folder. Raises InvalidRequest, MissingExtra."""
    from anyvideo.jobs.batch import Clip, options_of

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise InvalidRequest(f"{path} cannot be read: {reason}", field="file") from error
    document = _parsed(path, text)
    listed = document if isinstance(document, list) else None
    if isinstance(document, Mapping):
        listed = document.get("clips")
    if not isinstance(listed, list) or not all(isinstance(clip, Mapping) for clip in listed):
        raise InvalidRequest(f"{path} is no list of clips", field="file", hint=_HINT)
    common = {} if isinstance(document, list) else {k: v for k, v in document.items() if k != "clips"}
    said = _typed(common, path, str(path))
    options = {name: value for name, value in said.items() if name not in TERMS}
    options_of(Clip(), cast("BuyOptions", options))
    return ClipFile(
        clips=[_typed(clip, path, f"{path}: clip {place}") for place, clip in enumerate(listed)],
        options=options,
        terms={name: value for name, value in said.items() if name in TERMS},
    )


def _parsed(path: Path, text: str) -> Any:
    suffix = path.suffix.lower()
    yaml = None if suffix in {".json", ".toml"} else _yaml()
    broken = (ValueError, RecursionError) if yaml is None else (yaml.YAMLError, RecursionError)
    try:
        if yaml is not None:
            return yaml.load(text, Loader=_reader(yaml))
        return json.loads(text) if suffix == ".json" else tomllib.loads(text)
    except broken as error:
        reason = "it is nested too deep" if isinstance(error, RecursionError) else error
        raise InvalidRequest(f"{path} cannot be read: {reason}", field="file", hint=_HINT) from error


def _yaml() -> Any:
    try:
        return import_module("yaml")
    except ModuleNotFoundError as error:
        raise MissingExtra("cli", "reading a YAML file") from error


def _reader(yaml: Any) -> Any:
    """A loader that takes every plain scalar as it is written, and a null for nothing."""

    class Reader(yaml.BaseLoader):  # type: ignore[misc]  # loaded only now, so of no known type
        pass

    Reader.add_implicit_resolver(_NULL, re.compile(r"(~|null|Null|NULL|)\Z"), ["~", "n", "N", ""])
    Reader.add_constructor(_NULL, lambda *_: None)
    return Reader


def _typed(given: Mapping[str, Any], path: Path, origin: str) -> dict[str, Any]:
    named = {{"model": "models", "id": "batch_id"}.get(name, name): value for name, value in given.items()}
    typed: dict[str, Any] = {}
    for name, value in named.items():
        if value is None or (value == "" and name != "prompt"):
            continue
        kind, wanted = _KINDS.get(name, (None, ""))
        try:
            typed[name] = _given(value) if kind is None else kind(value)
        except (TypeError, ValueError, KeyError, OverflowError):
            problem = f"{origin}: {name} must be {wanted}, not {value!r}"
            raise InvalidRequest(problem, field=name) from None
    if "image" in typed:
        typed["image"] = _from(path.parent, str(typed["image"]))
    if isinstance(typed.get("reference_images"), Mapping):
        named = typed["reference_images"].items()
        typed["reference_images"] = {name: _from(path.parent, str(picture)) for name, picture in named}
    if "budget" in typed:
        typed["budget"] = str(typed["budget"])
    return typed


def _given(value: Any) -> Any:
    """The value; of a mapping, what is not null."""
    return {k: v for k, v in value.items() if v is not None} if isinstance(value, Mapping) else value


def _from(folder: Path, picture: str) -> str:
    """A picture's path from the file's folder; an address stays as it is."""
    return picture if "://" in picture or picture.startswith("data:") else str(folder / picture)
