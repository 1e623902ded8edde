"""Declared facts of one model: frozen, read from a provider's `models.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from anyvideo.types.plan import InputValue
from anyvideo.types.request import Task


class ModelStatus(StrEnum):
    """Where a model stands in its vendor's life cycle."""

    PREVIEW = "preview"
    ACTIVE = "active"
    DEPRECATED = "deprecated"
    RETIRED = "retired"


class PriceUnit(StrEnum):
    """What a price is per."""

    OUTPUT_SECOND = "output_second"
    VIDEO = "video"
    COMPUTE_SECOND = "compute_second"
    CREDIT = "credit"
    MEGAPIXEL = "megapixel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """`amount` dollars per unit, when every axis in `when` matches the fit. Several rows add up.

    For `credit`, `credits` says how many credits one output second takes.
    """

    per: PriceUnit
    amount: Decimal
    when: Mapping[str, str | int | float | bool]
    checked: date
    source: str
    credits: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Frames per second: fixed where `minimum` equals `maximum`. `input` None: not sent."""

    input: str | None
    minimum: float
    maximum: float
    default: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """How a model says how long.

    Seconds: `seconds` lists the allowed lengths, or `minimum` and `maximum` bound them in `step`s
    (0: any length). Frames: `frames` maps the model's words to frame counts, and `rate` turns them into
    seconds. `input` is the model's input for it (None: not sent); `form` renders seconds, such as "{}s".
    `rate` None: the model decides and its vendor does not say.
    """

    input: str | None = None
    form: str | None = None
    seconds: tuple[float, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    step: float = 1.0
    default: float
    frames: Mapping[str, int] = field(default_factory=dict)
    rate: Rate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """One shape that the model makes. `inputs` are the words that ask for it.

    `pixels` are (width, height), None where the vendor does not say. `tasks` empty: for every task.
    """

    ratio: str
    resolution: str
    pixels: tuple[int, int] | None
    inputs: Mapping[str, str] = field(default_factory=dict)
    tasks: frozenset[Task] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The sizes of a model.

    `follows_image`: with a picture, the ratio is the picture's own; `following` are the inputs that ask for
    that, over those of the size. `crops`: a listed ratio can be asked for all the same.
    """

    sizes: tuple[Size, ...]
    default_ratio: str
    default_resolution: str
    follows_image: bool = False
    following: Mapping[str, str] = field(default_factory=dict)
    crops: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeTime:
    """Seconds of compute that one clip takes: `expected` typically, `ceiling` at the most that we allow.

    The ceiling is enforced by the vendor's own deadline where the provider can set one.
    """

    expected: float
    ceiling: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One model as its provider declares it. `id` is `provider/name`.

    `inputs` maps our words (prompt, negative_prompt, image, seed, audio, steps, motion) to the model's: a
    word that is missing is one that the model does not take; `required` lists those that it cannot miss.
    `constants` are sent always. `prompt_limit` counts UTF-16 code units, the strictest reading of
    "characters". `audio`: it can make sound; without an input for it, it always does.
    `median_seconds` and `p99_seconds` are wall time, declared until something better is learned.
    """

    id: str
    vendor: str
    family: str | None
    slug: str
    version: str | None
    version_variable: str | None
    official: bool
    tasks: tuple[Task, ...]
    status: ModelStatus
    retires: date | None
    replacement: str | None
    checked: date
    source: str
    inputs: Mapping[str, str]
    required: frozenset[str]
    constants: Mapping[str, InputValue]
    length: Length
    shape: Shape
    prompt_limit: int | None
    audio: bool
    prices: tuple[Price, ...]
    compute: ComputeTime | None
    median_seconds: float
    p99_seconds: float
    notes: str | None = None

    @property
    def provider(self) -> str:
        """The part of the id before the slash."""
        return self.id.partition("/")[0]

    @property
    def name(self) -> str:
        """The part of the id after the slash."""
        return self.id.partition("/")[2]

    def pinned(self, version: str) -> ModelSpec:
        """The same model at another version; `owner/name:hash` picks another member, too."""
        slug, colon, pin = version.rpartition(":")
        if colon and "/" in slug:
            return replace(self, slug=slug, version=pin)
        if "/" in version:
            return replace(self, slug=version, version="latest")
        return replace(self, version=version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """The specs of one provider, in its own order."""

    provider: str
    models: tuple[ModelSpec, ...]
