"""Adding up: every micro-dollar stands in exactly one column of exactly one row."""

from __future__ import annotations

import dataclasses
import random

import pytest

from anyvideo.cli.costs import Sum, added, sum_document, total
from anyvideo.cli.options import Grouping
from anyvideo.jobs.store.base import Line
from anyvideo.types.money import CostBasis
from anyvideo.types.states import TERMINAL, AttemptState


def line(dice: random.Random, number: int) -> Line:
    state = dice.choice(list(AttemptState))
    settled = state in TERMINAL
    return Line(
        job_id=f"job_{number}",
        attempt_id=f"job_{number}.1",
        provider=dice.choice(["acme", "zenith"]),
        model=dice.choice(["acme/fast", "acme/slow", "zenith/one"]),
        day=dice.choice(["2026-11-20", "2026-11-21"]),
        state=state,
        hold_micros=0 if settled else dice.randrange(5_000_000),
        cost_micros=dice.randrange(5_000_000) if settled else None,
        basis=dice.choice(list(CostBasis)) if settled else None,
    )


@pytest.mark.parametrize("by", list(Grouping))
def test_nothing_is_counted_twice_or_left_out(by: Grouping) -> None:
    lines = [line(random.Random(number), number) for number in range(300)]
    everything, groups = total(lines), added(lines, by)
    assert list(groups) == sorted({getattr(one, by.value) for one in lines})
    for column in dataclasses.fields(Sum):
        assert sum(getattr(sums, column.name) for sums in groups.values()) == getattr(everything, column.name)
    assert everything.attempts == 300
    assert everything.spent == sum(one.cost_micros or 0 for one in lines)
    assert everything.held + everything.unknown == sum(one.hold_micros for one in lines)
    assert everything.unknown == sum(one.hold_micros for one in lines if one.state is AttemptState.UNKNOWN)
    assert everything.unpriced == sum(one.basis is CostBasis.UNKNOWN for one in lines)
    guessed = [one for one in lines if one.basis is CostBasis.ESTIMATED]
    assert everything.estimated == sum(one.cost_micros or 0 for one in guessed)


def test_a_million_micros_are_a_dollar() -> None:
    document = sum_document(Sum(attempts=1, spent=1_000_000, held=7, unknown=250_000))
    assert document == {
        "attempts": 1,
        "spent": "1.00",
        "estimated": "0.00",
        "held": "0.000007",
        "unknown": "0.25",
        "unpriced": 0,
    }
