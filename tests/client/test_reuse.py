"""What `cache=True` gives again, and where; and the order of the books."""

from __future__ import annotations

import pytest

from .conftest import House

pytestmark = pytest.mark.anyio
LUMA = "luma/ray-flash-2"


async def test_a_clip_of_another_seed_is_not_reused_where_the_model_takes_none(house: House) -> None:
    async with house.client() as client:
        first = await client.generate("a fox", models=LUMA)
        seeded = await client.generate("a fox", models=LUMA, seed=7, cache=True)
        again = await client.generate("a fox", models=LUMA, seed=7, cache=True)
    assert [change.field for change in seeded.adjustments] == ["seed"]
    assert again.job_id == seeded.job_id != first.job_id
    assert len(house.charges()) == 2


async def test_a_clip_that_is_reused_also_lies_where_the_template_says(house: House) -> None:
    async with house.client() as client:
        first = await client.generate("a fox", models=LUMA)
        named = house.folder / "films"
        wish = {"models": LUMA, "cache": True, "output": "{provider}/fox-{index}.mp4"}
        (house.folder / "anyvideo.toml").write_text(f'[output]\nfolder = "{named}"\n')
    async with house.client() as client:
        again = await client.generate("a fox", **wish)
        await client.generate("a fox", **wish)
    assert again.job_id == first.job_id
    placed = [path.relative_to(named).as_posix() for path in named.rglob("*") if path.is_file()]
    assert placed == ["luma/fox-0.mp4"]
    assert (named / placed[0]).read_bytes() == first.path.read_bytes()
    assert len(house.charges()) == 1


async def test_the_books_are_told_in_the_order_of_the_purchases(house: House) -> None:
    async with house.client() as client:
        bought = [(await client.generate(f"fox {number}", models=LUMA)).job_id for number in range(6)]
        assert [line.job_id for line in await client.spend()] == bought
