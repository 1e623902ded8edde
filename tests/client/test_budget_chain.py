"""Money of a chain of models: what the failed one leaves is the next one's, and what does not fit is said."""

from __future__ import annotations

from typing import Any

import pytest

from anyvideo import (
    AllModelsFailed,
    Budget,
    BudgetExceeded,
    Client,
    Event,
    EventKind,
    OutcomeUnknown,
    Plugins,
    load_settings,
)
from anyvideo.provider import GenerationFailed, NoCredit
from anyvideo.testing.fakes import FakeProvider

from .conftest import House

pytestmark = pytest.mark.anyio
ALICE = "user:alice"


def chain(*fakes: FakeProvider) -> dict[str, Any]:
    """A client's plugins: these, in this order."""
    return {"plugins": Plugins.of(*(fake.plugin() for fake in fakes))}


async def test_nobody_takes_the_money_between_a_failed_model_and_the_next(house: House) -> None:
    """Somebody else tries to at the very moment when the first model has failed."""
    budgets = [Budget("0.60", scope=ALICE)]
    first = FakeProvider("one").refuses(NoCredit("the account is empty")).costs("0.60")
    second, third = FakeProvider("two").costs("0.60"), FakeProvider("three").hangs().costs("0.60")
    competed: list[object] = []
    settings = load_settings(environ={}, folder=house.folder)

    def compete(event: Event) -> None:
        if event.kind is EventKind.ATTEMPT_ENDED and event.model == first.model:
            try:
                competed.append(other.submit("a hare", models="three", budgets=budgets))
            except BudgetExceeded as error:
                competed.append(error)

    store = house.folder / "jobs.db"
    with Client(store=store, settings=settings, **chain(third)) as other:
        async with house.client(on_event=compete, budgets=budgets, **chain(first, second)) as client:
            video = await client.generate("a fox", models=["one", "two"])
            [used] = await client.budgets()
    assert [type(one) for one in competed] == [BudgetExceeded]
    assert video.model == second.model
    assert not third.orders
    assert (used.held_micros, used.spent_micros) == (0, 600_000)


async def test_what_a_failed_model_cost_counts_before_the_next_is_held(house: House) -> None:
    """0.20 of its 0.60 are billed: 0.40 are free again for the next one, in the same budget."""
    first = FakeProvider("one").fails(GenerationFailed("no luck"), cost="0.20").costs("0.60")
    second = FakeProvider("two").costs("0.50")
    async with house.client(budgets=[Budget("0.70", scope=ALICE)], **chain(first, second)) as client:
        video = await client.generate("a fox", models=["one", "two"])
        [used] = await client.budgets()
    assert video.model == second.model
    assert (used.held_micros, used.spent_micros) == (0, 700_000)


async def test_a_chain_that_ends_for_want_of_budget_says_so_of_each_model(house: House) -> None:
    first = FakeProvider("one").refuses(NoCredit("the account is empty")).costs("0.10")
    dear, dearer = FakeProvider("two").costs("0.60"), FakeProvider("three").costs("0.90")
    async with house.client(budgets=[Budget("0.50", scope=ALICE)], **chain(first, dear, dearer)) as client:
        with pytest.raises(AllModelsFailed) as caught:
            await client.generate("a fox", models=["one", "two", "three"])
        [job] = await client.jobs()
        [used] = await client.budgets()
    for words in ("the account is empty", "two/video may cost 0.60", "three/video may cost 0.90", ALICE):
        assert words in str(caught.value)
    assert job.failure is not None
    assert "two/video may cost 0.60" in job.failure.message
    assert (used.held_micros, used.spent_micros) == (0, 0)
    assert not dear.orders
    assert not dearer.orders


async def test_a_chain_that_ends_for_want_of_max_cost_says_so(house: House) -> None:
    first = FakeProvider("one").fails(GenerationFailed("no luck"), cost="0.20").costs("0.20")
    second = FakeProvider("two").costs("0.40")
    async with house.client(**chain(first, second)) as client:
        with pytest.raises(AllModelsFailed) as caught:
            await client.generate("a fox", models=["one", "two"], max_cost="0.50")
    assert "two/video may cost 0.40 USD" in str(caught.value)
    assert "max_cost leaves 0.30 USD" in str(caught.value)
    assert not second.orders


async def test_a_chain_without_another_model_says_only_what_happened(house: House) -> None:
    first = FakeProvider("one").refuses(NoCredit("the account is empty"))
    async with house.client(budgets=[Budget("0.50")], **chain(first)) as client:
        with pytest.raises(AllModelsFailed) as caught:
            await client.generate("a fox", models="one")
    assert str(caught.value.exceptions[0]) == "the account is empty"


@pytest.mark.parametrize("charged", [True, False])
async def test_a_persons_word_on_a_lost_purchase_settles_its_hold_at_once(
    house: House, charged: bool
) -> None:
    first, second = FakeProvider("one").loses_the_answer().costs("0.60"), FakeProvider("two")
    async with house.client(budgets=[Budget("1.00")], **chain(first, second)) as client:
        with pytest.raises(OutcomeUnknown) as caught:
            await client.generate("a fox", models=["one", "two"])
        await client.resolve(caught.value.job_id, charged=charged)
        [used] = await client.budgets()
    assert (used.held_micros, used.spent_micros) == (0, 600_000 if charged else 0)


# Two budgets for the same money


@pytest.mark.parametrize("limits", [("20.00", "0.70"), ("0.70", "20.00")])
async def test_of_two_budgets_of_one_scope_the_smaller_holds(house: House, limits: tuple[str, str]) -> None:
    declared, asked = limits
    (house.folder / "anyvideo.toml").write_text(f'[budget]\nlimit = "{declared}"\n')
    only = FakeProvider("one").costs("0.60")
    async with house.client(budgets=[Budget(asked)], **chain(only)) as client:
        await client.generate("a fox", models="one")
        with pytest.raises(BudgetExceeded, match=r"budget of 0\.70 USD"):
            await client.submit("a fox", models="one")
        used = await client.budgets()
    assert {(one.held_micros, one.spent_micros) for one in used} == {(0, 600_000)}
    assert len(only.orders) == 1


async def test_a_failed_model_that_cost_more_than_was_held_leaves_no_room_that_is_not_there(
    house: House,
) -> None:
    """Somebody else tries to buy at the very moment when the bill has come."""
    budgets = [Budget("1.00", scope=ALICE)]
    first = FakeProvider("one").fails(GenerationFailed("no"), cost="0.90").costs("0.20")
    third = FakeProvider("three").costs("0.60")
    competed: list[object] = []
    settings = load_settings(environ={}, folder=house.folder)

    def compete(event: Event) -> None:
        if event.kind is EventKind.ATTEMPT_ENDED:
            try:
                competed.append(other.submit("a hare", models="three", budgets=budgets))
            except BudgetExceeded as error:
                competed.append(error)

    with Client(store=house.folder / "jobs.db", settings=settings, **chain(third)) as other:
        async with house.client(on_event=compete, budgets=budgets, **chain(first)) as client:
            with pytest.raises(AllModelsFailed):
                await client.generate("a fox", models="one")
            [used] = await client.budgets()
    assert [type(one) for one in competed] == [BudgetExceeded]
    assert (used.held_micros, used.spent_micros) == (0, 900_000)
