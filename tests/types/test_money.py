from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyvideo import Cost, CostBasis, InvalidRequest, Quote
from anyvideo.types.money import cost_micros, dollars, hold_micros, parse_cap

AMOUNTS = st.decimals(min_value=0, max_value=10_000, places=9)


@given(AMOUNTS)
def test_a_hold_is_never_less_than_the_amount(amount: Decimal) -> None:
    assert 0 <= Decimal(hold_micros(amount)) / 1_000_000 - amount < Decimal("0.000001")


@given(AMOUNTS)
def test_a_cost_is_the_nearest_micro_dollar(amount: Decimal) -> None:
    assert abs(Decimal(cost_micros(amount)) / 1_000_000 - amount) <= Decimal("0.0000005")


@given(st.integers(min_value=0, max_value=10**13))
def test_dollars_are_exact_and_plainly_written(micros: int) -> None:
    amount = dollars(micros)
    assert amount * 1_000_000 == micros
    assert "E" not in f"{amount:f}"
    assert Decimal(str(amount)) == amount


@pytest.mark.parametrize("wrong", ["-1", "-0.000001", "three", "", "NaN", "Infinity", 0.1, True, None])
def test_a_wrong_cap_names_its_field(wrong: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_cap(wrong, "max_cost")
    assert caught.value.field == "max_cost"
    assert caught.value.hint


@pytest.mark.parametrize(("cap", "micros"), [("3.00", 3_000_000), (2, 2_000_000), (Decimal("0.0000019"), 1)])
def test_a_cap_is_rounded_down(cap: Any, micros: int) -> None:
    assert parse_cap(cap, "max_cost") == micros


def test_an_unknown_price_is_none_and_not_zero() -> None:
    unknown = Quote(expected_micros=None, ceiling_micros=None)
    assert unknown.expected is None
    assert unknown.ceiling is None
    free = Quote(expected_micros=0, ceiling_micros=0)
    assert free.expected == free.ceiling == 0


def test_a_cost_says_how_it_is_known() -> None:
    assert str(Cost(micros=710_000, basis=CostBasis.REPORTED)) == "0.71 USD (reported)"
