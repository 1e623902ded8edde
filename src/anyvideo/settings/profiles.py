"""The built-in profiles, as data: what a chosen profile would like where a call says nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import gcd
from types import MappingProxyType
from typing import Any, Literal, cast

from anyvideo.catalog.table import Table
from anyvideo.types.errors import ConfigurationError, InvalidRequest
from anyvideo.types.request import VideoRequest

Policy = Literal["listed", "cheapest"]
_SIZE = re.compile(r"([1-9]\d{2,3})x([1-9]\d{2,3})")

BUILT_IN: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "development": {
            "size": "768x432",
            "fps": 24,
            "max_duration": 4,
            "concurrency": 3,
            "steps": 20,
            "motion": 100,
            "policy": "cheapest",
            "budget": "2.00",
        },
        "production": {
            "size": "1024x576",
            "fps": 30,
            "max_duration": 8,
            "concurrency": 5,
            "steps": 25,
            "motion": 127,
            "budget": "20.00",
        },
    }
)
"""Used when a profile is chosen; `[profiles.NAME.defaults]` of a file replaces single values of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What holds where a call says nothing; None: nothing. `max_duration` in seconds also bounds calls.

    `concurrency` and `budget` (dollars) are a batch's. What a model cannot take is dropped by the planner.
    """

    aspect_ratio: str | None = None
    resolution: str | None = None
    fps: float | None = None
    max_duration: float | None = None
    steps: int | None = None
    motion: int | None = None
    policy: Policy | None = None
    concurrency: int | None = None
    budget: Decimal | None = None


def read_defaults(t: Table) -> Defaults:
    """The checked table. Raises ConfigurationError naming the key."""
    ratio, resolution = _size(t) if t.has("size") else (None, None)
    defaults = Defaults(
        aspect_ratio=ratio,
        resolution=resolution,
        fps=t.number("fps", least=1) if t.has("fps") else None,
        max_duration=t.number("max_duration", least=1) if t.has("max_duration") else None,
        steps=t.whole("steps") if t.has("steps") else None,
        motion=t.whole("motion") if t.has("motion") else None,
        policy=cast(Policy, t.choice("policy", ("listed", "cheapest"))) if t.has("policy") else None,
        concurrency=t.whole("concurrency") if t.has("concurrency") else None,
        budget=t.amount("budget") if t.has("budget") else None,
    )
    t.done()
    try:
        VideoRequest(prompt="-", fps=defaults.fps, steps=defaults.steps, motion=defaults.motion)
    except InvalidRequest as error:
        raise ConfigurationError(error.message, field=f"defaults.{error.field}", hint=error.hint) from None
    return defaults


def _size(t: Table) -> tuple[str, str]:
    """`"768x432"` as aspect ratio and resolution, which is its shorter side: ("16:9", "432p")."""
    found = _SIZE.fullmatch(t.text("size"))
    if found is None:
        t.fail("size", "must be width x height in pixels, like 768x432")
    across, down = int(found[1]), int(found[2])
    common = gcd(across, down)
    return f"{across // common}:{down // common}", f"{min(across, down)}p"
