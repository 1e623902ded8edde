"""With a public address of the user's, a vendor's list says which lost purchase is whose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from anyvideo import AllModelsFailed, AsyncClient, ConfigurationError, OutcomeUnknown
from anyvideo.settings import load_settings
from anyvideo_luma.simulator import Luma

from .conftest import House

pytestmark = pytest.mark.anyio
LUMA, REPLICATE = "luma/ray-flash-2", "replicate/seedance-1-lite"
ADDRESS = "https://app.example.com/hooks"


def with_address(house: House) -> AsyncClient:
    (house.folder / "anyvideo.toml").write_text(f'[recovery]\ncallback = "{ADDRESS}/"\n')
    return house.client()


def requests(house: House) -> list[dict[str, Any]]:
    return [dict(job.request) for job in house.server.world.jobs.values()]


async def test_only_a_vendor_whose_list_echoes_the_address_is_told(house: House) -> None:
    async with with_address(house) as client:
        await client.generate("a fox", models=REPLICATE)
        video = await client.generate("a fox", models=LUMA)
        [attempt] = (await client.job(video.job_id)).attempts
    plain, told = requests(house)
    assert ADDRESS not in str(plain)
    assert told["callback_url"] == f"{ADDRESS}/{attempt.tag}"


async def test_without_such_an_address_none_is_invented(house: House) -> None:
    async with house.client() as client:
        await client.generate("a fox", models=LUMA)
    assert "callback_url" not in requests(house)[0]


async def test_somebody_elses_equal_clip_is_not_taken_for_a_purchase_that_was_never_made(
    house: House,
) -> None:
    async with house.client(store=house.folder / "other.db") as other:
        await other.generate("a fox", models=LUMA)
    async with with_address(house) as client:
        await client.generate("a hare", models=LUMA)
        house.server.fault("luma", "disconnect_before_accept", times=1)
        with pytest.raises(AllModelsFailed):
            await client.generate("a fox", models=LUMA, timeout=900)
    assert len(house.charges()) == 2


async def test_a_list_that_is_not_seen_to_echo_tags_frees_no_money_beside_an_equal_clip(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    show = Luma.show

    def silent(self: Luma, world: Any, request: Any, job: Any, **more: Any) -> dict[str, Any]:
        told = show(self, world, request, job, **more)
        return {**told, "request": {k: v for k, v in told["request"].items() if k != "callback_url"}}

    monkeypatch.setattr(Luma, "show", silent)
    house.server.fault("luma", "disconnect_after_accept", times=1)
    async with with_address(house) as client:
        with pytest.raises(OutcomeUnknown):
            await client.generate("a fox", models=[LUMA, REPLICATE], timeout=900)
    assert len(house.charges()) == 1, "nothing else was bought in its place"


async def test_a_lost_purchase_is_known_by_its_tag_among_equal_ones(house: House) -> None:
    house.server.fault("luma", "disconnect_after_accept", times=1)
    async with with_address(house) as client, house.client(store=house.folder / "other.db") as other:
        job = await client.submit("a fox", models=LUMA)
        while not house.charges():
            await house.clock.sleep(0.2)
        await other.generate("a fox", models=LUMA)
        await client.wait(job)
        [attempt] = (await client.job(job)).attempts
    assert attempt.ref is not None
    assert attempt.tag in str(house.server.world.jobs[attempt.ref.job_id].request)
    assert len(house.charges()) == 2


async def test_a_purchase_that_was_lost_before_there_was_an_address_is_found_by_its_inputs(
    house: House,
) -> None:
    house.server.fault("luma", "disconnect_after_accept", times=1)
    async with house.client() as client:
        job = await client.submit("a fox", models=LUMA)
        while not house.charges():
            await house.clock.sleep(0.2)
    async with with_address(house) as client:
        await client.wait(job)
    assert len(house.charges()) == 1


@pytest.mark.parametrize(
    "address", ["http://app.example.com", "https://localhost/x", "app", "https://a.example?x=1"]
)
async def test_an_address_that_no_vendor_can_call_is_refused(tmp_path: Path, address: str) -> None:
    (tmp_path / "anyvideo.toml").write_text(f'[recovery]\ncallback = "{address}"\n')
    with pytest.raises(ConfigurationError) as caught:
        load_settings(environ={}, folder=tmp_path)
    assert caught.value.field == "recovery.callback"
