"""One key, one job: whatever has changed around it since."""

from __future__ import annotations

from typing import Any

import pytest

from anyvideo import Budget, IdempotencyConflict

from .conftest import House

pytestmark = pytest.mark.anyio
WISH: dict[str, Any] = {"models": "runway/gen4.5", "duration": 5, "idempotency_key": "order 7"}


@pytest.mark.parametrize(
    "changed",
    [{"max_cost": "0.01"}, {"budgets": [Budget("0.01")]}, {"strict": True}, {"duration": 5.0}],
    ids=["cap", "budget", "strict", "number"],
)
async def test_a_bought_clip_is_returned_whatever_may_be_spent_now(
    house: House, changed: dict[str, Any]
) -> None:
    async with house.client() as client:
        first = await client.generate("a fox", **WISH)
        again = await client.generate("a fox", **{**WISH, **changed})
    assert again.job_id == first.job_id
    assert len(house.charges()) == 1


async def test_a_bought_clip_is_returned_without_a_key_to_buy_with(house: House) -> None:
    async with house.client() as client:
        first = await client.generate("a fox", **WISH)
    async with house.client(environ={"RUNWAYML_API_SECRET": ""}) as client:
        assert (await client.generate("a fox", **WISH)).job_id == first.job_id


async def test_another_wish_under_the_key_is_refused_before_anything_else(house: House) -> None:
    async with house.client() as client:
        await client.generate("a fox", **WISH)
        with pytest.raises(IdempotencyConflict):
            await client.generate("a dog", **{**WISH, "max_cost": "0.01"})
    assert len(house.charges()) == 1
