"""Lost purchases that differ only in their picture: whose is which job of the vendor's list?"""

from __future__ import annotations

import io
from importlib import import_module
from typing import Any

import pytest
from PIL import Image as Picture

from anyvideo import AllModelsFailed, AsyncClient, Job, OutcomeUnknown, StoreError

from .conftest import House

pytestmark = pytest.mark.anyio
LISTED = ["replicate/seedance-1-lite", "luma/ray-flash-2"]
RED, BLUE = "https://pictures.example/red.png", "https://pictures.example/blue.png"


def png(color: str) -> bytes:
    content = io.BytesIO()
    Picture.new("RGB", (64, 64), color).save(content, "PNG")
    return content.getvalue()


def picture_of(house: House, job: Job) -> object:
    """The picture that the vendor made the job's clip of."""
    [attempt] = job.attempts
    assert attempt.ref is not None
    request = house.server.world.jobs[attempt.ref.job_id].request
    return request.get("image") or request["keyframes"]["frame0"]["url"]  # type: ignore[index]


def sold_with(house: House, picture: str) -> Any:
    """The vendor's job that was made of this picture."""
    jobs = list(house.server.world.jobs.values())
    [sold] = [job for job in jobs if picture in str(job.request)]
    return sold


async def lost(house: House, client: AsyncClient, model: str, image: Any) -> Job:
    """A purchase whose answer is lost after the vendor took it."""
    house.server.fault(model.partition("/")[0], "disconnect_after_accept", times=1)
    before = len(house.charges())
    job = await client.submit("a fox", image=image, models=[model], duration=5)
    while len(house.charges()) == before:
        await house.clock.sleep(0.2)
    return job


@pytest.mark.parametrize("model", LISTED)
async def test_a_lost_purchase_with_a_picture_is_found_again(house: House, model: str) -> None:
    async with house.client() as client:
        job = await lost(house, client, model, RED)
        await client.wait(job)
    assert len(house.charges()) == 1


@pytest.mark.parametrize("first", [0, 1], ids=["older first", "newer first"])
@pytest.mark.parametrize("model", LISTED)
async def test_two_lost_purchases_of_different_pictures_are_not_swapped(
    house: House, model: str, first: int
) -> None:
    house.server.fault(model.partition("/")[0], "list_500", times=4)
    async with house.client() as client:
        jobs = [await lost(house, client, model, image) for image in (RED, BLUE)]
        for job in (jobs[first], jobs[1 - first]):
            await client.wait(job)
        assert [picture_of(house, await client.job(job)) for job in jobs] == [RED, BLUE]
    assert len(house.charges()) == 2


@pytest.mark.parametrize("image", [png("red"), RED], ids=["content", "address"])
async def test_a_picture_that_comes_back_under_another_address_is_no_reason_to_pay_again(
    house: House, image: object
) -> None:
    house.server.fault("replicate", "list_500", times=2)
    async with house.client() as client:
        job = await lost(house, client, LISTED[0], image)
        [sold] = house.server.world.jobs.values()
        sold.request = {**sold.request, "image": "https://files.vendor.example/copy"}
        video = await client.wait(job)
    assert len(house.charges()) == len(video.attempts) == 1


async def test_a_purchase_that_was_never_taken_leaves_the_other_ones_clip_alone(house: House) -> None:
    """Nobody drives the other purchase meanwhile: its clip waits for it, and nothing is bought again."""
    async with house.client(environ={"ANYVIDEO_STORE": str(house.folder / "jobs.db")}) as client:
        house.server.fault("replicate", "list_500", times=1)
        other = await lost(house, client, LISTED[0], BLUE)
    house.server.fault("replicate", "disconnect_before_accept", times=1)
    async with house.client() as client:
        with pytest.raises(OutcomeUnknown):
            await client.generate("a fox", image=RED, models=[LISTED[0], "runway/gen4.5"], duration=5)
        assert len(house.charges()) == 1
        await client.wait(other)
        assert picture_of(house, await client.job(other)) == BLUE
        [mine] = await client.jobs(status="unknown")
        video = await client.wait(mine)
    assert video.model == "runway/gen4.5"
    assert len(house.charges()) == 2


async def test_a_lost_purchase_without_a_picture_takes_no_clip_that_was_made_of_one(house: House) -> None:
    async with house.client() as client:
        house.server.fault("replicate", "list_500", times=3)
        pictured = await lost(house, client, LISTED[0], RED)
        plain = await lost(house, client, LISTED[0], None)
        for job in (plain, pictured):
            await client.wait(job)
        [attempt] = (await client.job(plain)).attempts
        assert attempt.ref is not None
        assert "image" not in house.server.world.jobs[attempt.ref.job_id].request


async def test_a_lost_purchase_does_not_take_the_clip_of_one_that_still_waits_for_its_answer(
    house: House,
) -> None:
    """Their pictures are content, so the list cannot tell them apart; who was answered can."""
    house.server.fault("replicate", "slow_answer", times=1, seconds=1.5)
    async with house.client() as client:
        bought = await client.submit("a fox", image=png("blue"), models=[LISTED[0]], duration=5)
        while not house.charges():
            await house.clock.sleep(0.2)
        house.server.fault("replicate", "disconnect_before_accept", times=1)
        nothing = await client.submit("a fox", image=png("red"), models=[LISTED[0]], duration=5)
        await client.wait(bought)
        with pytest.raises(AllModelsFailed):
            await client.wait(nothing)
    assert len(house.charges()) == 1


def fill_for_a_moment(client: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next handle cannot be written at first."""
    adopt, failed = client._store.adopt, []

    async def full(*arguments: Any, **named: Any) -> Any:
        if not failed:
            failed.append(True)
            raise StoreError("the disk is full")
        return await adopt(*arguments, **named)

    monkeypatch.setattr(client._store, "adopt", full)


@pytest.mark.parametrize("full", [False, True], ids=["at once", "a full disk"])
@pytest.mark.parametrize("model", ["runway/gen4.5", "luma/ray-flash-2"])
async def test_a_vendor_that_makes_one_clip_of_equal_orders_gives_it_to_both(
    house: House, monkeypatch: pytest.MonkeyPatch, model: str, full: bool
) -> None:
    vendor = import_module(f"anyvideo_{model.partition('/')[0]}.simulated_api")
    sell, sold = vendor.sell, []

    async def sell_once(world: Any, seller: Any, request: Any, *rest: Any) -> Any:
        if sold:
            return await seller.confirm(world, request, sold[0])
        answer = await sell(world, seller, request, *rest)
        sold.extend(world.jobs.values())
        return answer

    monkeypatch.setattr(vendor, "sell", sell_once)
    async with house.client() as client:
        first = await client.generate("a fox", models=model, duration=5)
        if full:
            fill_for_a_moment(client, monkeypatch)
        again = await client.generate("a fox", models=model, duration=5)
    assert first.job_id != again.job_id
    assert first.info.sha256 == again.info.sha256
    assert house.posts() == 2
    assert len(house.charges()) == 1
