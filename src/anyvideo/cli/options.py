"""The options that `generate` and `plan` share, declared once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from anyvideo.types.errors import InvalidRequest

Prompt = Annotated[
    str | None, typer.Argument(metavar="PROMPT", help="What the clip should show.", show_default=False)
]
ImageOption = Annotated[
    str | None,
    typer.Option("--image", metavar="IMAGE", help="A picture to start from: path or address."),
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
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Where to save the clip; default: a free name here."),
]
Store = Annotated[str | None, typer.Option(metavar="FILE", help="The job store; memory: keeps nothing.")]
Profile = Annotated[str | None, typer.Option(metavar="NAME", help="The profile of anyvideo.toml to use.")]
Status = Annotated[
    str | None,
    typer.Option(metavar="STATUS", help="Only queued, running, succeeded, failed, canceled or unknown."),
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
    "duration",
    "aspect_ratio",
    "resolution",
    "fps",
    "seed",
    "negative_prompt",
    "audio",
    "models",
    "strict",
)
DRIVE = ("max_cost", "timeout", "attempt_timeout", "poll_interval")


def given(values: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """What the caller said: for everything else the library's own default holds."""
    return {name: values[name] for name in names if values[name] is not None and values[name] != []}


def check_seconds(**seconds: float | None) -> None:
    """Raises InvalidRequest naming the first of these that is no positive number of seconds."""
    for name, value in seconds.items():
        if value is not None and not 0 < value < math.inf:
            raise InvalidRequest(
                f"{name} must be more than 0 seconds, not {value:g}",
                field=name,
                hint="leave it out for the default",
            )
