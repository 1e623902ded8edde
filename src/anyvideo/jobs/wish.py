"""What a caller's arguments mean, checked before anything is recorded."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, Self, TypedDict, Unpack, cast, get_args

from anyvideo.media.inputs import ImageSource, load_image
from anyvideo.media.names import check_template
from anyvideo.types.budget import Budget
from anyvideo.types.errors import InvalidRequest
from anyvideo.types.job import JobOptions
from anyvideo.types.money import parse_cap
from anyvideo.types.request import Image, VideoRequest

Policy = Literal["listed", "cheapest"]
OnUnknown = Literal["hold", "resubmit"]
ImageTransfer = Literal["auto", "upload", "url"]
ImageFallback = Literal["error", "text"]
_JOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SHAPES: Mapping[str, tuple[type | tuple[type, ...], str]] = {
    "metadata": (Mapping, "a mapping of text by text"),
    "reference_images": (Mapping, "a mapping of pictures by name"),
    "models": ((str, list, tuple), "a model, or a list of models"),
    "output": (str, "text"),
    "idempotency_key": (str, "text"),
    "job_id": (str, "text"),
    "image_transfer": (str, "text"),
    "image_fallback": (str, "text"),
}
"""What an option must be, where anything else could not even be looked into."""


class PlanOptions(TypedDict, total=False):
    """What `plan` takes beside the prompt. Lengths in seconds; see VideoRequest for the rest.

    `image_transfer` says how the picture reaches the vendor: "upload" always hands over its content (an
    address is fetched first), "url" always an address (of a private object a signed one), "auto" an address
    where there is a public one.
    `image_fallback="text"` goes on without a picture that cannot be read or uploaded in three tries.
    """

    image: ImageSource | None
    image_transfer: ImageTransfer | None
    image_fallback: ImageFallback | None
    duration: float | None
    aspect_ratio: str | None
    resolution: str | None
    fps: float | None
    seed: int | None
    negative_prompt: str | None
    audio: bool | None
    steps: int | None
    motion: int | None
    models: Sequence[str] | str | None
    strict: bool
    policy: Policy | None
    allow_unpriced: bool


class BuyOptions(PlanOptions, total=False):
    """What `submit` and `generate` take too: caps in dollars as text or Decimal, times in seconds.

    `reference_images` are pictures of characters by name. No model here takes them: they are kept beside the
    job and named in its metadata as `reference_image.NAME`. `output` is a template for the file's path below
    the output folder, such as `{job_id}/clip_{index}.mp4`; its words are `anyvideo.media.names.FIELDS`.
    """

    max_cost: str | int | Decimal | None
    timeout: float | None
    attempt_timeout: float | None
    poll_interval: float | None
    metadata: Mapping[str, str] | None
    reference_images: Mapping[str, ImageSource | None] | None
    job_id: str | None
    budgets: Sequence[Budget]
    on_unknown: OnUnknown | None
    max_duplicate_cost: str | int | Decimal | None
    idempotency_key: str | None
    cache: bool
    output: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A checked request, the models it may use, and how it is to be driven. Times in seconds.

    `without_image` says why the caller's picture was left out.
    """

    request: VideoRequest
    options: JobOptions
    models: tuple[str, ...] = ()
    strict: bool = False
    policy: Policy | None = None
    timeout: float | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    job_id: str | None = None
    idempotency_key: str | None = None
    cache: bool = False
    on_unknown: OnUnknown | None = None
    without_image: str | None = None
    references: Mapping[str, Image] = field(default_factory=dict)

    @classmethod
    def of(cls, prompt: str | None, **options: Unpack[BuyOptions]) -> Self:
        """Raises InvalidRequest naming the field, TypeError for an argument that does not exist."""
        unknown = sorted(
            options.keys() - BuyOptions.__annotations__.keys() - PlanOptions.__annotations__.keys()
        )
        if unknown:
            raise TypeError(f"unexpected keyword argument {unknown[0]!r}")
        check_shapes(options)
        image = options.get("image")
        request = VideoRequest(
            prompt=prompt,
            image=None if image is None else load_image(image),
            duration=options.get("duration"),
            aspect_ratio=options.get("aspect_ratio"),
            resolution=options.get("resolution"),
            fps=options.get("fps"),
            seed=options.get("seed"),
            negative_prompt=options.get("negative_prompt"),
            audio=options.get("audio"),
            steps=options.get("steps"),
            motion=options.get("motion"),
        )
        models = _models(options.get("models"))
        return cls(
            request=request,
            options=_driving(models, options),
            models=models,
            strict=_flag("strict", options),
            policy=_one_of("policy", options.get("policy"), get_args(Policy)),
            timeout=_seconds("timeout", options.get("timeout")),
            metadata=_metadata(options.get("metadata") or {}),
            job_id=_job_id(options.get("job_id")),
            idempotency_key=_key(options.get("idempotency_key")),
            cache=_flag("cache", options),
            on_unknown=options.get("on_unknown"),
            references={
                _reference_name(name): load_image(source)
                for name, source in (options.get("reference_images") or {}).items()
                if source is not None
            },
        )


def check_shapes(options: Mapping[str, Any] | PlanOptions | BuyOptions) -> None:
    """Raises InvalidRequest for an option that could not even be looked into."""
    given = cast("Mapping[str, Any]", options)
    for name, (shape, words) in _SHAPES.items():
        value = given.get(name)
        if value is not None and not isinstance(value, shape):
            raise InvalidRequest(f"{name} must be {words}, not {value!r}", field=name)
        if isinstance(value, Mapping) and not all(isinstance(key, str) for key in value):
            raise InvalidRequest(f"{name} must have text for names, not {value!r}", field=name)


def _driving(models: tuple[str, ...], options: BuyOptions) -> JobOptions:
    on_unknown = _one_of("on_unknown", options.get("on_unknown"), get_args(OnUnknown))
    duplicate = _cap("max_duplicate_cost", options)
    if on_unknown == "resubmit" and duplicate is None:
        raise InvalidRequest(
            'on_unknown="resubmit" may pay twice: it needs a cap for that',
            field="max_duplicate_cost",
            hint='give max_duplicate_cost="0.50", the most that may be paid twice',
        )
    return JobOptions(
        max_cost_micros=_cap("max_cost", options),
        attempt_timeout=_seconds("attempt_timeout", options.get("attempt_timeout")),
        poll_interval=_seconds("poll_interval", options.get("poll_interval")),
        allow_unpriced=_flag("allow_unpriced", options),
        on_unknown=on_unknown or "hold",
        max_duplicate_micros=duplicate,
        budgets=_budgets(options.get("budgets", ())),
        models=models,
        image_transfer=_choice("image_transfer", options.get("image_transfer"), get_args(ImageTransfer)),
        output=None if (output := options.get("output")) is None else check_template(output),
        image_fallback=_choice("image_fallback", options.get("image_fallback"), get_args(ImageFallback)),
    )


def _choice(name: str, value: str | None, known: tuple[Any, ...]) -> Any:
    """The value, or the first of the known ones where none is given."""
    return known[0] if value is None else _one_of(name, value, known)


def _one_of(name: str, value: str | None, known: tuple[Any, ...]) -> Any:
    if value is not None and value not in known:
        raise InvalidRequest(
            f"{name} is not understood: {value!r}", field=name, hint=f"one of: {', '.join(known)}"
        )
    return value


def _flag(name: Literal["strict", "cache", "allow_unpriced"], options: BuyOptions) -> bool:
    value: object = options.get(name, False)
    if not isinstance(value, bool):
        raise InvalidRequest(f"{name} must be True or False, not {value!r}", field=name)
    return value


def _metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    given: Mapping[Any, Any] = metadata
    for name, value in given.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise InvalidRequest(
                f"metadata must be text by text, not {name!r}: {value!r}", field="metadata", hint="use str()"
            )
    return dict(metadata)


def _budgets(budgets: Sequence[Budget]) -> tuple[Budget, ...]:
    listed: tuple[object, ...] = tuple(budgets) if isinstance(budgets, list | tuple) else (budgets,)
    if not all(isinstance(budget, Budget) for budget in listed):
        raise InvalidRequest('budgets must be a list of Budget("5.00")', field="budgets")
    return tuple(budgets)


def _cap(name: Literal["max_cost", "max_duplicate_cost"], options: BuyOptions) -> int | None:
    cap = options.get(name)
    return None if cap is None else parse_cap(cap, name)


def _models(models: Sequence[str] | str | None) -> tuple[str, ...]:
    if models is None:
        return ()
    listed: tuple[Any, ...] = (models,) if isinstance(models, str) else tuple(models)
    if not listed or not all(isinstance(model, str) and model.strip() for model in listed):
        raise InvalidRequest(
            "models must name at least one model", field="models", hint="see: anyvideo models"
        )
    return listed


def _seconds(name: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 10_000_000:
        raise InvalidRequest(f"{name} must be above 0 seconds, not {value!r}", field=name)
    return value


def _key(key: str | None) -> str | None:
    if key is not None and not 0 < len(key) <= 255:
        raise InvalidRequest("idempotency_key must have 1 to 255 characters", field="idempotency_key")
    return key


def _reference_name(name: str) -> str:
    if not _JOB_ID.fullmatch(name):
        raise InvalidRequest(
            f"a reference image cannot be called {name!r}",
            field="reference_images",
            hint="use letters, digits, '.', '_' and '-'",
        )
    return name


def _job_id(job_id: str | None) -> str | None:
    if job_id is not None and not _JOB_ID.fullmatch(job_id):
        raise InvalidRequest(
            f"job_id is not usable: {job_id!r}", field="job_id", hint="use letters, digits, '.', '_' and '-'"
        )
    return job_id
