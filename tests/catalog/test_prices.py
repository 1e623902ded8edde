from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anyvideo.catalog.prices import computed_cost, quote, vendor_deadline_seconds
from anyvideo.catalog.spec import ComputeTime, ModelSpec
from anyvideo.types.money import CostBasis, Quote
from anyvideo.types.plan import Fit

TODAY = date(2026, 11, 21)
GPU = ComputeTime(expected=30, ceiling=200, source="an example")

Priced = Callable[..., ModelSpec]
Fitted = Callable[..., Fit]


def price(spec: ModelSpec, fit: Fit, *, deadline: bool = False) -> Quote:
    return quote(spec, fit, today=TODAY, vendor_deadline=deadline)


def test_seconds_cost_what_their_row_says(reel: ModelSpec, fitted: Fitted) -> None:
    silent = price(reel, fitted(duration=8))
    assert silent.expected == silent.ceiling == Decimal("0.40")
    assert price(reel, fitted(duration=8, audio=True)).expected == Decimal("0.64")


def test_a_flat_amount_and_an_amount_per_second_add_up(priced: Priced, fitted: Fitted) -> None:
    spec = priced(("video", "0.10", {}), ("output_second", "0.05", {}))
    assert price(spec, fitted(duration=4)).ceiling == Decimal("0.30")


def test_credits_are_turned_into_dollars(priced: Priced, fitted: Fitted) -> None:
    assert price(priced(("credit", "0.01", {})), fitted(duration=8)).ceiling == Decimal("0.48")


def test_a_price_per_megapixel_counts_every_frame(priced: Priced, fitted: Fitted) -> None:
    spec = priced(("megapixel", "0.002", {}))
    # 1280 by 720 pixels, 25 frames a second, 4 seconds: 92.16 million pixels.
    assert price(spec, fitted(duration=4)).ceiling == Decimal("0.18432")
    unsized = replace(fitted(duration=4), size=None)
    assert price(spec, unsized) == Quote(expected_micros=None, ceiling_micros=None)


def test_compute_seconds_have_a_ceiling_only_where_the_vendor_stops(priced: Priced, fitted: Fitted) -> None:
    spec = priced(("compute_second", "0.001", {}), compute=GPU)
    stopped = price(spec, fitted(), deadline=True)
    assert (stopped.expected, stopped.ceiling) == (Decimal("0.03"), Decimal("0.20"))
    endless = price(spec, fitted(), deadline=False)
    assert (endless.expected, endless.ceiling) == (Decimal("0.03"), None)
    assert vendor_deadline_seconds(spec) == 200


def test_a_model_paid_by_output_needs_no_deadline(reel: ModelSpec) -> None:
    assert vendor_deadline_seconds(replace(reel, compute=GPU)) is None


def test_an_unknown_price_is_never_zero(priced: Priced, fitted: Fitted) -> None:
    unknown = Quote(expected_micros=None, ceiling_micros=None)
    assert price(priced(), fitted()) == unknown
    elsewhere = priced(("output_second", "0.05", {"resolution": "4k"}))
    assert price(elsewhere, fitted()) == unknown
    assert computed_cost(elsewhere, fitted(), {}) is None


def test_a_sum_with_a_missing_part_is_unknown(priced: Priced, fitted: Fitted) -> None:
    spec = priced(("video", "0.10", {}), ("output_second", "0.05", {"resolution": "4k"}))
    assert price(spec, fitted()).ceiling is None


def test_only_an_explicit_zero_is_free(priced: Priced, fitted: Fitted) -> None:
    free = price(priced(("video", "0", {})), fitted())
    assert (free.expected_micros, free.ceiling_micros) == (0, 0)


@pytest.mark.parametrize(("days", "stale"), [(0, False), (90, False), (91, True)])
def test_an_old_price_is_shown_as_stale_and_still_shown(
    reel: ModelSpec, fitted: Fitted, days: int, stale: bool
) -> None:
    today = reel.prices[0].checked + timedelta(days=days)
    found = quote(reel, fitted(), today=today, vendor_deadline=False)
    assert found.stale is stale
    assert found.expected == Decimal("0.20")


def test_a_row_that_does_not_apply_makes_nothing_stale(reel: ModelSpec, fitted: Fitted) -> None:
    old = replace(reel.prices[1], checked=date(2020, 1, 1))
    spec = replace(reel, prices=(reel.prices[0], old))
    assert not price(spec, fitted(audio=False)).stale
    assert price(spec, fitted(audio=True)).stale


def test_holds_round_up_and_costs_to_the_nearest_even(priced: Priced, fitted: Fitted) -> None:
    spec = priced(("video", "0.0000025", {}))
    cost = computed_cost(spec, fitted(), {})
    assert price(spec, fitted()).ceiling_micros == 3
    assert cost is not None
    assert (cost.micros, cost.basis) == (2, CostBasis.COMPUTED)


def test_measured_usage_beats_what_was_ordered(reel: ModelSpec, priced: Priced, fitted: Fitted) -> None:
    def micros(spec: ModelSpec, **usage: float | bool) -> int | None:
        cost = computed_cost(spec, fitted(duration=4), usage)
        return None if cost is None else cost.micros

    gpu = priced(("compute_second", "0.0014", {}), compute=GPU)
    credit = priced(("credit", "0.01", {}))
    pixels = priced(("megapixel", "0.002", {}))
    assert micros(gpu, compute_seconds=33.5) == 46_900
    assert micros(gpu) is None
    assert micros(reel, output_seconds=3.5) == 175_000
    assert micros(reel, audio=True) == 320_000
    assert micros(credit, credits=0) == 0
    assert micros(pixels, width=720, height=720, frames=100) == 103_680


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seconds=st.floats(min_value=0, max_value=200, allow_nan=False),
    rate=st.decimals(min_value=0, max_value=1, places=7),
)
def test_a_job_stopped_at_its_deadline_never_costs_more_than_was_held(
    priced: Priced, fitted: Fitted, seconds: float, rate: Decimal
) -> None:
    spec = priced(("compute_second", format(rate, "f"), {}), compute=GPU)
    cost = computed_cost(spec, fitted(), {"compute_seconds": seconds})
    ceiling = price(spec, fitted(), deadline=True).ceiling_micros
    assert cost is not None
    assert ceiling is not None
    assert cost.micros <= ceiling
