"""What an attacker of the money promises found: each was a double charge, a lost clip or a poisoned store."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import anyio
import pytest

from anyvideo import (
    AllModelsFailed,
    AnyVideoError,
    Budget,
    InvalidRequest,
    Plugins,
    ResultGone,
    StillRunning,
    VideoRequest,
)
from anyvideo.provider import Order, RefusedByVendor, Submission
from anyvideo_luma.provider import Luma

from .conftest import House

pytestmark = pytest.mark.anyio
BOUGHT = ["replicate/seedance-1-lite", "runway/gen4.5", "luma/ray-flash-2"]


@pytest.mark.parametrize("model", BOUGHT)
async def test_one_404_does_not_lose_a_paid_clip(house: House, model: str) -> None:
    house.server.fault(model.partition("/")[0], "gone", times=1)
    async with house.client() as client:
        video = await client.generate("a fox", models=[model, "runway/veo3.1_fast"])
    assert video.model == model
    assert len(house.charges()) == 1


async def test_what_a_submit_asks_beside_its_post_says_nothing_about_the_purchase(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = Luma.submit

    async def after_a_look(self: Luma, order: Order) -> Submission:
        with pytest.raises(RefusedByVendor):
            await self._context.exchange(self._client.generations.get(str(UUID(int=0))))
        return await submit(self, order)

    monkeypatch.setattr(Luma, "submit", after_a_look)
    house.server.fault("luma", "disconnect_after_accept", times=1)
    async with house.client() as client:
        video = await client.generate("a fox", models=["luma/ray-flash-2", "runway/gen4.5"], duration=5)
    assert video.model == "luma/ray-flash-2"
    assert len(house.charges()) == 1


async def test_a_job_that_stays_unknown_to_its_vendor_ends_and_is_not_bought_twice(house: House) -> None:
    house.server.fault("runway", "gone")
    async with house.client() as client:
        with pytest.raises(AllModelsFailed) as caught:
            await client.generate("a fox", models=["runway/gen4.5", "luma/ray-flash-2"])
    assert isinstance(caught.value.exceptions[0], ResultGone)
    assert len(house.charges()) == 1


async def test_a_wall_clock_that_jumps_does_not_end_the_quiet_window(house: House) -> None:
    """The list is late, and the clock jumps past the window: only time that really passed may count."""
    house.server.fault("luma", "disconnect_after_accept", times=1)
    house.server.fault("luma", "list_late", seconds=20)
    jumped: list[bool] = []
    wall = house.clock.now

    def jumping() -> Any:
        return wall() + timedelta(seconds=300) if jumped else wall()

    async with house.client() as client:
        job = await client.submit("a fox", models=["luma/ray-flash-2", "runway/gen4.5"])
        while not house.charges():
            await house.clock.sleep(0.5)
        house.clock.now = jumping  # type: ignore[method-assign]
        jumped.append(True)
        video = await client.wait(job)
    assert video.model == "luma/ray-flash-2"
    assert len(house.charges()) == 1


async def test_a_wall_clock_that_jumps_does_not_end_a_models_patience(house: House) -> None:
    wall, jumped = house.clock.now, timedelta(0)
    house.clock.now = lambda: wall() + jumped  # type: ignore[method-assign]
    async with house.client() as client:
        job = await client.submit("a fox", models=["runway/gen4.5", "luma/ray-flash-2"], duration=5)
        while not house.charges():
            await house.clock.sleep(0.5)
        jumped = timedelta(hours=1)
        video = await client.wait(job)
    assert video.model == "runway/gen4.5"
    assert len(house.charges()) == 1


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("replicate/seedance-1-lite", {"output": []}),
        ("runway/gen4.5", {"output": []}),
        ("luma/ray-flash-2", {"assets": None}),
    ],
)
@pytest.mark.parametrize("looks", [1, 1000], ids=["at first", "for good"])
async def test_a_success_whose_file_comes_a_moment_later_is_waited_for(
    house: House, model: str, fields: dict[str, Any], looks: int
) -> None:
    [vendor] = [one for one in house.server.world.vendors if one.name == model.partition("/")[0]]
    show, empty = vendor.show, []

    def late(*arguments: Any, **named: Any) -> dict[str, Any]:
        shown = show(*arguments, **named)
        done = {"succeeded", "SUCCEEDED", "completed"} & {shown.get("status"), shown.get("state")}
        if done and len(empty) < looks:
            empty.append(shown)
            return {**shown, **fields}
        return shown

    vendor.show = late  # type: ignore[method-assign]
    async with house.client() as client:
        if looks == 1:
            assert (await client.generate("a fox", models=[model, "runway/veo3.1_fast"])).model == model
        else:
            with pytest.raises(AllModelsFailed) as caught:
                await client.generate("a fox", models=model)
            assert "without a file" in str(caught.value.exceptions[0])
    assert len(house.charges()) == 1


@pytest.mark.parametrize("ahead", [-300, 120, 600])
async def test_a_clock_that_differs_from_the_vendors_finds_the_job_all_the_same(
    house: House, ahead: int
) -> None:
    from datetime import timedelta

    house.server.fault("luma", "disconnect_after_accept", times=1)
    house.server.world.clock = _Shifted(house.clock, timedelta(seconds=-ahead))
    async with house.client() as client:
        video = await client.generate("a fox", models=["luma/ray-flash-2", "runway/gen4.5"])
    assert video.model == "luma/ray-flash-2"
    assert len(house.charges()) == 1


class _Shifted:
    """The vendor's clock, some way off ours."""

    def __init__(self, clock: Any, by: Any) -> None:
        self._clock = clock
        self._by = by

    def now(self) -> Any:
        return self._clock.now() + self._by

    def monotonic(self) -> float:
        seconds: float = self._clock.monotonic()
        return seconds


@pytest.mark.parametrize(
    "wrong",
    [
        {"metadata": {"take": 1}},
        {"metadata": "take"},
        {"models": 5},
        {"output": 5},
        {"reference_images": ["hero.png"]},
        {"idempotency_key": b"17"},
        {"job_id": 17},
        {"image_transfer": []},
        {"on_unknown": "retry"},
        {"seed": 1.5},
        {"seed": "1"},
        {"allow_unpriced": "x"},
        {"strict": "no"},
        {"policy": "x"},
        {"duration": "5"},
        {"timeout": "5"},
        {"models": [None]},
        {"budgets": "1.00"},
        {"prompt": 7},
        {"prompt": "fox \udcff"},
        {"image": "https://[::1/x.png"},
        {"audio": "loud"},
    ],
    ids=str,
)
async def test_a_wrong_value_is_named_before_anything_is_recorded(
    house: House, wrong: dict[str, Any]
) -> None:
    wish = {"prompt": "a fox", "models": "runway/gen4.5", **wrong}
    async with house.client() as client:
        with pytest.raises(InvalidRequest) as caught:
            await client.submit(wish.pop("prompt"), **wish)
        assert caught.value.field in wrong
        assert await client.jobs() == []


async def test_budgets_of_a_call_are_each_calls_own(house: House) -> None:
    async with house.client(budgets=[Budget("0.70", scope="call")]) as client:
        for _ in range(2):
            await client.generate("a fox", models="runway/gen4.5", duration=5)
    assert len(house.charges()) == 2


async def test_a_listener_that_exits_does_not_stop_the_job(house: House) -> None:
    def leave(_: object) -> None:
        raise SystemExit(3)

    async with house.client(on_event=leave) as client:
        await client.generate("a fox", models="runway/gen4.5")


@pytest.mark.parametrize("name", ["luma", "runway", "local"])
async def test_the_default_route_works_with_one_provider_installed(house: House, name: str) -> None:
    plugins = Plugins.of(Plugins.discover().get(name))
    async with house.client(plugins=plugins) as client:
        plan = await client.plan("a fox")
    assert [candidate.model.partition("/")[0] for candidate in plan.candidates] == [name]


async def test_without_any_provider_the_error_says_what_to_install(house: House) -> None:
    async with house.client(plugins=Plugins.of()) as client:
        with pytest.raises(AnyVideoError) as caught:
            await client.submit("a fox")
    assert "pip install" in str(caught.value)


async def test_a_timeout_keeps_the_job(house: House) -> None:
    house.server.fault("luma", "stuck")
    async with house.client() as client:
        with pytest.raises(StillRunning):
            await client.generate("a fox", models="luma/ray-flash-2", timeout=30)
        assert len(await client.jobs()) == 1


def test_a_surrogate_pair_that_is_whole_is_text() -> None:
    assert VideoRequest(prompt="a fox 🦊").prompt == "a fox 🦊"


@pytest.mark.parametrize("turns", range(6))
async def test_a_closed_client_keeps_no_job_from_the_next_one(house: House, turns: int) -> None:
    """Wherever each of its jobs stood when it was closed."""
    async with house.client() as client:
        for number in range(8):
            await client.submit(f"fox {number}", models="luma/ray-flash-2")
        await anyio.sleep(turns / 50)
    begun = house.clock.monotonic()
    async with house.client() as client:
        assert {one.outcome for one in await client.recover()} == {"delivered"}
    assert house.clock.monotonic() - begun < 80
