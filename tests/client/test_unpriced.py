"""A model without a price, bought on the caller's word: nobody knows what it cost, and that is said."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import Any

import pytest

from anyvideo import AllModelsFailed, Budget, Cost, CostBasis, NoModelFits

from .conftest import House

pytestmark = pytest.mark.anyio
LUMA, RUNWAY = "luma/ray-flash-2", "runway/gen4.5"
CAPS: list[dict[str, Any]] = [{"max_cost": "0.10"}, {"budgets": [Budget("0.10", scope="user:ann")]}]


@pytest.fixture(autouse=True)
def unpriced(house: House) -> None:
    """Settings that take the price from a model whose vendor reports no cost."""
    facts = f'[[model]]\nid = "{LUMA.partition("/")[2]}"\nchecked = 2026-11-20\nsource = "x"\nprice = []\n'
    (house.folder / "m.toml").write_text(facts)
    (house.folder / "anyvideo.toml").write_text('[catalogs]\nluma = "m.toml"\n')


@pytest.mark.parametrize("caps", CAPS)
async def test_what_nobody_can_tell_is_unknown_and_a_cap_that_cannot_bind_says_so(
    house: House, caps: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with house.client() as client:
        with pytest.raises(NoModelFits, match="allow_unpriced=True"):
            await client.generate("a fox", models=LUMA, **caps)
        with caplog.at_level(logging.WARNING, "anyvideo"):
            video = await client.generate("a fox", models=LUMA, allow_unpriced=True, **caps)
        job = await client.job(video.job_id)
        [line] = await client.spend()
    [name] = caps
    assert Decimal(house.billed()) > Decimal("0.10")
    assert (video.cost.basis, str(video.cost)) == (CostBasis.UNKNOWN, "unknown")
    assert (line.cost_micros, line.basis) == (0, CostBasis.UNKNOWN)
    assert job.attempts[0].charged == "unknown"
    [note] = [change for change in video.adjustments if change.field == name]
    assert "0.10 USD" in note.asked
    assert "no known price" in str(note)
    assert f"{name} cannot bind {LUMA}" in caplog.text


async def test_without_a_cap_there_is_nothing_to_say(house: House) -> None:
    async with house.client() as client:
        video = await client.generate("a fox", models=LUMA, allow_unpriced=True)
    assert video.cost.basis is CostBasis.UNKNOWN
    assert not {"max_cost", "budgets"} & {change.field for change in video.adjustments}


async def test_a_priced_model_has_no_such_note(house: House) -> None:
    async with house.client() as client:
        video = await client.generate("a fox", models=RUNWAY, allow_unpriced=True, max_cost="3.00")
    assert (video.cost.whole, str(video.cost.amount)) == (True, house.billed())
    assert "max_cost" not in {change.field for change in video.adjustments}


async def test_a_sum_with_an_unknown_part_says_so(house: House) -> None:
    requests = [{"prompt": "a fox", "models": LUMA}, {"prompt": "a hare", "models": RUNWAY}]
    async with house.client() as client:
        result = await client.batch(requests, allow_unpriced=True, budget="2.00")
    known = result.clips[1].cost
    assert (known.whole, result.cost.micros) == (True, known.micros)
    assert result.cost.basis is CostBasis.UNKNOWN
    assert str(result.cost) == f"{known.amount} USD and an unknown part"
    assert result.cost.figure == f"{known.amount} + ?"
    assert ["budgets" in {one.field for one in clip.adjustments} for clip in result.clips] == [True, False]


async def test_the_model_that_follows_is_unpriced_and_noted(house: House) -> None:
    house.server.fault("runway", "failed", times=1)
    async with house.client() as client:
        video = await client.generate("a fox", models=[RUNWAY, LUMA], allow_unpriced=True, max_cost="3.00")
    first, second = video.attempts
    assert "max_cost" not in {change.field for change in first.fit.adjustments}
    assert "max_cost" in {change.field for change in second.fit.adjustments}
    assert video.cost.basis is CostBasis.UNKNOWN


async def test_an_attempt_that_its_vendor_forgot_cost_nobody_knows_what(house: House) -> None:
    house.server.fault("luma", "gone")
    async with house.client() as client:
        with pytest.raises(AllModelsFailed) as caught:
            await client.generate("a fox", models=LUMA, allow_unpriced=True, timeout=600)
        job = await client.job(caught.value.job_id)
    assert job.cost == Cost(micros=0, basis=CostBasis.UNKNOWN)
    assert job.attempts[0].charged == "yes"
