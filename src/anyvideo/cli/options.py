"""The options of the commands, declared once, and how their texts are read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from anyvideo.types.budget import Budget, Period
from anyvideo.types.errors import InvalidRequest
from anyvideo.types.states import JobStatus


class OnUnknown(StrEnum):
    """What is done when a submit's answer is lost and nobody can tell."""

    HOLD = "hold"
    RESUBMIT = "resubmit"


class Transfer(StrEnum):
    """How a picture reaches the vendor."""

    AUTO = "auto"
    UPLOAD = "upload"
    URL = "url"


class Fallback(StrEnum):
    """What is done without a picture that cannot be read."""

    ERROR = "error"
    TEXT = "text"


class Grouping(StrEnum):
    """What costs are added up by."""

    PROVIDER = "provider"
    MODEL = "model"
    DAY = "day"


Prompt = Annotated[
    str | None, typer.Argument(metavar="PROMPT", help="What the clip should show.", show_default=False)
]
ImageOption = Annotated[
    str | None,
    typer.Option("--image", metavar="IMAGE", help="A picture to start from: path or address."),
]
ImageTransfer = Annotated[
    Transfer | None,
    typer.Option(metavar="auto|upload|url", help="How the picture reaches the vendor; default: auto."),
]
ImageFallback = Annotated[
    Fallback | None,
    typer.Option(metavar="error|text", help="Whether the prompt alone will do for an unreadable picture."),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model", "-m", metavar="MODEL", help="A model, family or route; repeat it for more, tried in order."
    ),
]
Duration = Annotated[float | None, typer.Option(metavar="SECONDS", help="How long the clip should be.")]
AspectRatio = Annotated[str | None, typer.Option(metavar="W:H", help="Like 16:9.")]
Resolution = Annotated[str | None, typer.Option(metavar="SIZE", help="Like 720p or 4k.")]
Fps = Annotated[float | None, typer.Option(metavar="RATE", help="Frames per second.")]
Seed = Annotated[
    int | None, typer.Option(metavar="NUMBER", help="Repeats a result, where a model takes one.")
]
Steps = Annotated[
    int | None, typer.Option(metavar="NUMBER", help="Steps of inference, where a model takes them.")
]
Motion = Annotated[
    int | None, typer.Option(metavar="NUMBER", help="How much moves, 1 to 255, where a model takes it.")
]
NegativePrompt = Annotated[str | None, typer.Option(metavar="TEXT", help="What it should not show.")]
Audio = Annotated[bool | None, typer.Option("--audio/--no-audio", help="Sound often costs more.")]
MaxCost = Annotated[
    str | None,
    typer.Option(metavar="DOLLARS", help="The most that all attempts may cost, like 3.00."),
]
Timeout = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="How long to wait; the job goes on after that.")
]
AttemptTimeout = Annotated[float | None, typer.Option(metavar="SECONDS", help="How long one model may take.")]
PollInterval = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="How long between two looks at the job.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Turn down models that would change the request.")]
AllowUnpriced = Annotated[
    bool, typer.Option("--allow-unpriced", help="Use models whose highest price is not known, too.")
]
OnUnknownOption = Annotated[
    OnUnknown | None,
    typer.Option(
        "--on-unknown",
        metavar="hold|resubmit",
        help="What to do when nobody can tell whether a model was bought.",
    ),
]
MaxDuplicateCost = Annotated[
    str | None,
    typer.Option(metavar="DOLLARS", help="The most that resubmit may pay twice, like 0.50."),
]
BudgetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--budget",
        metavar="LIMIT[/PERIOD][@SCOPE]",
        help="A limit beside the settings' own, like 10/day@user:ann; repeat it for more.",
    ),
]
IdempotencyKey = Annotated[
    str | None, typer.Option(metavar="KEY", help="The same key with the same request is bought once.")
]
Cache = Annotated[bool, typer.Option("--cache", help="Reuse the clip of an identical earlier request.")]
OwnJobId = Annotated[
    str | None, typer.Option("--job-id", metavar="ID", help="An id of your own for the job.")
]
Metadata = Annotated[
    list[str] | None,
    typer.Option(metavar="KEY=VALUE", help="Kept with the job and shown again; repeat it for more."),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help="The MP4 to save the clip as; default: a free name here."
    ),
]
Store = Annotated[str | None, typer.Option(metavar="FILE", help="The job store; memory: keeps nothing.")]
Profile = Annotated[str | None, typer.Option(metavar="NAME", help="The profile of anyvideo.toml to use.")]
State = Annotated[
    JobStatus | None,
    typer.Option(
        "--state",
        "--status",
        metavar="STATE",
        help="Only queued, running, succeeded, failed, canceled or unknown.",
    ),
]
By = Annotated[Grouping, typer.Option("--by", metavar="provider|model|day", help="What is added up.")]
RecoverTimeout = Annotated[
    float | None,
    typer.Option(
        "--timeout", metavar="SECONDS", help="How long to wait for all of them; default: to the end."
    ),
]
Limit = Annotated[int, typer.Option(metavar="N", help="How many, newest first.", min=1)]
JobId = Annotated[str, typer.Argument(metavar="ID", help="The job's id, as `anyvideo jobs` lists it.")]
CancelTimeout = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", help="How long to wait for the vendor's word.")
]
Charged = Annotated[
    bool | None, typer.Option("--charged/--not-charged", help="What the vendor's own pages say was billed.")
]
ProviderJob = Annotated[
    str | None, typer.Option(metavar="VENDOR_ID", help="The vendor's id of the job, which is then followed.")
]
ModelId = Annotated[str | None, typer.Argument(metavar="MODEL", help="A model id; none: all of them.")]
Port = Annotated[
    int, typer.Option(metavar="N", help="The loopback port; 0 takes a free one.", min=0, max=65535)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]

WISH = (
    "image",
    "image_transfer",
    "image_fallback",
    "duration",
    "aspect_ratio",
    "resolution",
    "fps",
    "seed",
    "negative_prompt",
    "audio",
    "steps",
    "motion",
    "models",
    "strict",
    "allow_unpriced",
)
DRIVE = (
    "max_cost",
    "timeout",
    "attempt_timeout",
    "poll_interval",
    "on_unknown",
    "max_duplicate_cost",
    "idempotency_key",
    "cache",
    "job_id",
)

EVERY_CLIP = (
    "models",
    "image_transfer",
    "image_fallback",
    "timeout",
    "attempt_timeout",
    "poll_interval",
)


def given(values: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """What the caller said: for everything else the library's own default holds."""
    said = {name: values[name] for name in names if values[name] is not None and values[name] != []}
    return {name: value.value if isinstance(value, StrEnum) else value for name, value in said.items()}


def check_seconds(**seconds: float | None) -> None:
    """Raises InvalidRequest naming the first of these that is no positive number of seconds."""
    for name, value in seconds.items():
        if value is not None and not 0 < value < math.inf:
            raise InvalidRequest(
                f"{name} must be more than 0 seconds, not {value:g}",
                field=name,
                hint="leave it out for the default",
            )


def read_metadata(pairs: Sequence[str] | None) -> dict[str, str]:
    """`KEY=VALUE` texts as a mapping. Raises InvalidRequest."""
    found: dict[str, str] = {}
    for pair in pairs or ():
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise InvalidRequest(
                f"metadata {pair!r} is no KEY=VALUE", field="metadata", hint="like --metadata order=17"
            )
        if key in found:
            raise InvalidRequest(f"metadata {key!r} is given twice", field="metadata")
        found[key] = value
    return found


def read_budgets(texts: Sequence[str] | None) -> tuple[Budget, ...]:
    """`LIMIT[/PERIOD][@SCOPE]` texts as budgets. Raises InvalidRequest."""
    return tuple(_budget(text) for text in texts or ())


def _budget(text: str) -> Budget:
    amount, at, scope = text.partition("@")
    limit, slash, period = amount.partition("/")
    return Budget(
        limit, period=cast("Period", period) if slash else "total", scope=scope if at else "project"
    )
