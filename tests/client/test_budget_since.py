"""A budget counts what was bought in its period, also before it was first named and by who names none."""

from __future__ import annotations

import sqlite3

import pytest

from anyvideo import Budget, BudgetExceeded
from anyvideo.types.budget import PERIODS, Period

from .conftest import House

pytestmark = pytest.mark.anyio
LUMA = "luma/ray-flash-2"


async def price(house: House) -> int:
    """Buy one clip without a budget, and tell its micro-dollars."""
    async with house.client() as client:
        cost = (await client.generate("a fox", models=LUMA)).cost
    return cost.micros


@pytest.mark.parametrize("period", PERIODS)
async def test_what_was_bought_before_a_budget_was_written_down_counts(house: House, period: Period) -> None:
    one = await price(house)
    budget = Budget(f"{2.5 * one / 1e6:.6f}", period=period)
    async with house.client(budgets=[budget]) as client:
        assert [(used.held_micros, used.spent_micros) for used in await client.budgets()] == [(0, one)]
        await client.generate("a hare", models=LUMA)
        with pytest.raises(BudgetExceeded):
            await client.generate("an owl", models=LUMA)
    assert len(house.charges()) == 2


async def test_purchases_that_name_no_budget_count_beside_those_that_do(house: House) -> None:
    one = await price(house)
    daily = Budget(f"{2.5 * one / 1e6:.6f}", period="day")
    async with house.client(budgets=[daily]) as careful:
        await careful.generate("a hare", models=LUMA)
        await price(house)
        with pytest.raises(BudgetExceeded):
            await careful.generate("an owl", models=LUMA)
        [used] = await careful.budgets()
    assert (used.held_micros, used.spent_micros) == (0, 3 * one)


async def test_a_scope_in_another_period_goes_on_from_what_it_has_used(house: House) -> None:
    async with house.client() as client:
        ann = [Budget("5", period="day", scope="user:ann")]
        first = await client.generate("a fox", models=LUMA, budgets=ann)
        await client.generate("a fox", models=LUMA, budgets=[Budget("5", period="day", scope="user:bob")])
        limit = f"{1.5 * first.cost.micros / 1e6:.6f}"
        weekly = [Budget(limit, period="week", scope="user:ann")]
        with pytest.raises(BudgetExceeded):
            await client.generate("a hare", models=LUMA, budgets=weekly)


async def test_yesterdays_purchases_are_not_todays(house: House) -> None:
    one = await price(house)
    await house.clock.sleep(24 * 3600)
    async with house.client(budgets=[Budget(f"{1.5 * one / 1e6:.6f}", period="day")]) as client:
        await client.generate("a hare", models=LUMA)


async def test_a_hold_that_stood_before_becomes_spend_or_is_freed(house: House) -> None:
    """One clip under way and one that will fail, both bought before the budget is first named."""
    async with house.client() as client:
        running = await client.submit("a fox", models=LUMA)
        while not house.charges():
            await house.clock.sleep(0.2)
        house.server.fault("luma", "failed", times=1)
        failing = await client.submit("a hare", models=LUMA)
        while house.posts() < 2:
            await house.clock.sleep(0.2)
        async with house.client(budgets=[Budget("9", period="month")]) as later:
            owl = await later.generate("an owl", models=LUMA)
            await client.wait(running)
            with pytest.raises(ExceptionGroup):
                await client.wait(failing)
            [used] = await later.budgets()
        booked = sum(line.cost_micros or 0 for line in await client.spend())
    assert used.held_micros == 0
    assert used.spent_micros == booked == 2 * owl.cost.micros


async def test_what_an_unpriced_clip_under_way_turns_out_to_cost_counts(house: House) -> None:
    """Nothing is held for it when the account is opened; its vendor reports the cost at the end."""
    (house.folder / "anyvideo.toml").write_text('[catalogs]\nrunway = "mine.toml"\n')
    (house.folder / "mine.toml").write_text(
        '[[model]]\nid = "gen4.5"\nchecked = 2026-11-20\nsource = "x"\nprice = []\n'
    )
    async with house.client() as client:
        running = await client.submit("a fox", models="runway/gen4.5", duration=5, allow_unpriced=True)
        while not house.charges():
            await house.clock.sleep(0.2)
        async with house.client(budgets=[Budget("9", period="month")]) as later:
            await later.generate("an owl", models=LUMA)
            await client.wait(running)
            [used] = await later.budgets()
        booked = sum(line.cost_micros or 0 for line in await client.spend())
    assert (used.held_micros, used.spent_micros) == (0, booked)
    assert booked > 600_000


@pytest.mark.parametrize("scope", ["project", "user:ann", 'user:"ann"', "user:änn"])
async def test_a_record_that_cannot_be_read_still_counts(house: House, scope: str) -> None:
    async with house.client() as client:
        first = await client.generate("a fox", models=LUMA, budgets=[Budget("5", period="day", scope=scope)])
    with sqlite3.connect(house.folder / "jobs.db", isolation_level=None) as sql:
        sql.execute("UPDATE jobs SET document = replace(document, '\"plan\"', '\"plam\"')")
    limit = f"{1.5 * first.cost.micros / 1e6:.6f}"
    async with house.client() as client:
        with pytest.raises(BudgetExceeded):
            await client.generate("an owl", models=LUMA, budgets=[Budget(limit, period="week", scope=scope)])


async def test_a_scope_that_is_only_written_in_a_prompt_counts_for_nobody(house: House) -> None:
    async with house.client() as client:
        await client.generate(
            'a fox "scope":"user:ann"', models=LUMA, budgets=[Budget("5", scope="user:bob")]
        )
        ann = Budget("0.30", scope="user:ann")
    async with house.client(budgets=[ann]) as client:
        assert [used.spent_micros for used in await client.budgets()] == [0]


async def test_the_accounts_of_an_older_schema_are_counted_anew(house: House) -> None:
    budget = Budget("0.80", scope="user:ann")
    async with house.client() as client:
        first = await client.generate("a fox", models=LUMA, budgets=[budget])
    with sqlite3.connect(house.folder / "jobs.db", isolation_level=None) as sql:
        sql.execute("UPDATE budgets SET spent_micros = 0")
        sql.execute("PRAGMA user_version = 1")
    async with house.client(budgets=[budget]) as client:
        assert [used.spent_micros for used in await client.budgets()] == [first.cost.micros]
