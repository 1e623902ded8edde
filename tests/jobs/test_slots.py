"""The limiter with an order: who is served next, and what a waiter that gives up leaves behind."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial

import anyio
from anyio.lowlevel import checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st

from anyvideo.jobs.slots import Slots

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def at(minute: int) -> datetime:
    return NOON + timedelta(minutes=minute)


async def _settle() -> None:
    for _ in range(10):
        await checkpoint()


async def _served(slots: int, minutes: list[int], quitters: set[int], *, late: bool) -> tuple[list[int], int]:
    """In which order waiters get their slot while all are held at first, and how many are in at most.

    `late`: those who give up do so in the moment in which the slots become free.
    """
    limiter, order, inside, most = Slots(slots), [], 0, 0
    scopes = [anyio.CancelScope() for _ in minutes]

    async def wait(place: int) -> None:
        nonlocal inside, most
        with scopes[place]:
            async with limiter.taken(at(minutes[place])):
                inside += 1
                most = max(most, inside)
                order.append(minutes[place])
                try:
                    await checkpoint()
                finally:
                    inside -= 1

    async with anyio.create_task_group() as tasks, anyio.create_task_group() as holders:
        gate = anyio.Event()

        async def hold() -> None:
            async with limiter.taken(NOON):
                await gate.wait()

        for _ in range(slots):
            holders.start_soon(hold)
        await _settle()
        for place in range(len(minutes)):
            tasks.start_soon(wait, place)
        await _settle()
        if late:
            gate.set()
            await checkpoint()
        for place in quitters:
            scopes[place].cancel()
        if not late:
            await _settle()
        gate.set()
    return order, most


@settings(max_examples=100, deadline=None)
@given(
    data=st.data(),
    slots=st.integers(1, 3),
    minutes=st.lists(st.integers(1, 9), max_size=12),
    late=st.booleans(),
)
def test_the_earliest_is_next_and_who_gives_up_takes_no_slot_along(
    data: st.DataObject, slots: int, minutes: list[int], late: bool
) -> None:
    places = st.sets(st.sampled_from(range(len(minutes)))) if minutes else st.just(set[int]())
    quitters = data.draw(places)
    stayed = [minute for place, minute in enumerate(minutes) if place not in quitters]
    order, most = anyio.run(partial(_served, slots, minutes, quitters, late=late))
    assert most <= slots
    assert not Counter(stayed) - Counter(order)
    if not late:
        assert len(order) == len(stayed)
    if slots == 1:
        assert order == sorted(order)


def test_a_slot_given_to_a_task_that_is_canceled_in_that_moment_goes_on() -> None:
    done: list[int] = []

    async def wait(limiter: Slots, minute: int) -> None:
        async with limiter.taken(at(minute)):
            done.append(minute)

    async def race() -> None:
        limiter = Slots(1)
        async with limiter.taken(NOON):
            first, second = (asyncio.create_task(wait(limiter, minute)) for minute in (1, 2))
            await _settle()
        first.cancel()
        await asyncio.wait_for(second, 5)

    asyncio.run(race())
    assert done == [2]
