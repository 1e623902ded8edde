from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from anyvideo.catalog.load import parse_catalog
from anyvideo.catalog.spec import Catalog, ModelSpec, Price, PriceUnit
from anyvideo.provider import MediaRules
from anyvideo.routing.fit import fit
from anyvideo.types.plan import Fit
from anyvideo.types.request import VideoRequest

ACME = """
[[model]]
id = "reel"
family = "reels"
slug = "acme/reel"
version = "latest"
version_variable = "REEL_VERSION"
tasks = ["text_to_video", "image_to_video"]
status = "active"
checked = 2026-11-01
source = "acme's model card"
prompt_limit = 400
required = ["prompt"]

[model.inputs]
prompt = "text"
image = "start"
audio = "sound"

[model.constants]
quality = 7

[model.length]
input = "secs"
form = "{}sec"
seconds = [4, 8]
default = 4
fps = 25

[model.shape]
ratio_input = "shape"
ratios = ["16:9", "1:1"]
resolution_input = "lines"
resolutions = ["480p", "720p"]
keeps = "short_side"
default_ratio = "16:9"
default_resolution = "720p"

[model.time]
median = 40
p99 = 120

[[model.price]]
per = "output_second"
amount = "0.05"
when = { audio = false }

[[model.price]]
per = "output_second"
amount = "0.08"
when = { audio = true }
checked = 2026-10-01
source = "acme's price page"
"""


@pytest.fixture
def text() -> str:
    """A models.toml with one model."""
    return ACME


@pytest.fixture
def acme() -> Catalog:
    return parse_catalog(ACME, provider="acme", vendor="Acme Films")


@pytest.fixture
def reel(acme: Catalog) -> ModelSpec:
    return acme.models[0]


@pytest.fixture
def priced(reel: ModelSpec) -> Callable[..., ModelSpec]:
    """The model with other prices: (unit, amount, when) rows."""

    def with_prices(*rows: tuple[str, str, dict[str, str | bool]], **changes: object) -> ModelSpec:
        from decimal import Decimal

        prices = tuple(
            Price(
                per=PriceUnit(unit),
                amount=Decimal(amount),
                when=when,
                checked=date(2026, 11, 1),
                source="a price page",
                credits=Decimal(6) if unit == "credit" else None,
            )
            for unit, amount, when in rows
        )
        return replace(reel, prices=prices, **changes)  # type: ignore[arg-type]

    return with_prices


@pytest.fixture
def fitted(reel: ModelSpec) -> Callable[..., Fit]:
    """A request for that model, fitted."""

    def make(**wish: object) -> Fit:
        request = VideoRequest(prompt="a lighthouse in fog", **wish)  # type: ignore[arg-type]
        result = fit(request, reel, today=date(2026, 11, 21), media=MediaRules())
        assert isinstance(result, Fit)
        return result

    return make
