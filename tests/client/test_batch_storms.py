"""Batches while much goes wrong at random: a sample in the suite, all of it in `nox -s batches`."""

from __future__ import annotations

import logging
import os
from decimal import Decimal
from typing import Any

import pytest

from anyvideo import AsyncClient, BatchFailed, BatchResult

from .conftest import House

logger = logging.getLogger("storms")
pytestmark = [pytest.mark.anyio, pytest.mark.slow]
FULL = os.environ.get("ANYVIDEO_FAULTS_RUNS") == "full"
ROUTE = ["replicate/seedance-1-lite", "runway/gen4.5", "luma/ray-flash-2"]
VENDORS = ("replicate", "runway", "luma")
SAYS_THAT_NOTHING_BEGAN = ("replicate", "runway")
"""Vendors that document a throttled submit as one that started nothing."""


def clips(count: int) -> list[dict[str, Any]]:
    return [{"prompt": f"scene {number}: a red fox", "duration": 5} for number in range(count)]


def storm(house: House, fault: str, share: float, seed: int, *vendors: str, **params: Any) -> None:
    """Order a fault that strikes at random, drawn with a seed."""
    for number, vendor in enumerate(vendors or VENDORS):
        house.server.fault(vendor, fault, share=share, seed=seed * 101 + number, **params)


async def books_agree(house: House, client: AsyncClient, result: BatchResult) -> None:
    """What the result, the client's books and the vendors' own ledger say is the same money."""
    booked = sum(line.cost_micros or 0 for line in await client.spend())
    assert result.cost.amount == Decimal(house.billed()) == Decimal(booked) / 1_000_000


@pytest.mark.parametrize("seed", range(10 if FULL else 1))
async def test_with_a_tenth_of_transient_faults_most_first_chains_succeed(house: House, seed: int) -> None:
    """200 clips: a tenth of the submits is throttled, of the jobs interrupted and of the polls lost."""
    storm(house, "rate_limited", 0.1, seed, *SAYS_THAT_NOTHING_BEGAN, retry_after=1)
    storm(house, "failed", 0.1, seed, transient=True)
    storm(house, "poll_500", 0.1, seed)
    house.server.set_time(law={"kind": "lognormal", "median": 60, "sigma": 0.5}, seed=seed)
    async with house.client(store="memory:") as client:
        result = await client.batch(clips(200), models=ROUTE, concurrency=20, poll_interval=10)
        await books_agree(house, client, result)
    first = sum(clip.video is not None and clip.tries == 1 for clip in result.clips)
    logger.info(
        "seed %s: %s of 200 on the first chain, %s in all, %s", seed, first, result.successful, result.cost
    )
    assert first >= 180


@pytest.mark.parametrize("seed", range(100 if FULL else 8))
async def test_with_30_percent_of_faults_three_succeed_or_the_error_says_so(house: House, seed: int) -> None:
    """30 % of the jobs fail, most of them for good; even seeds have one model only."""
    storm(house, "rate_limited", 0.3, seed, *SAYS_THAT_NOTHING_BEGAN, retry_after=1)
    storm(house, "failed", 0.15, seed)
    storm(house, "failed", 0.1, seed + 1000, transient=True)
    storm(house, "moderated_output", 0.05, seed)
    storm(house, "poll_500", 0.3, seed)
    async with house.client(store="memory:") as client:
        try:
            result = await client.batch(clips(6), models=ROUTE[: 1 + 2 * (seed % 2)], poll_interval=10)
            assert result.successful >= 3
        except BatchFailed as error:
            result = error.result
            assert result.successful < 3
        await books_agree(house, client, result)
    logger.info("seed %s: %s of 6, %s", seed, result.successful, result.cost)
    assert all(clip.error is not None or clip.video is not None for clip in result.clips)
