"""A picture that cannot be kept: a typed error before anything is held, and nothing left of it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from PIL import Image as Pillow

from anyvideo import StoreError

from .conftest import House

pytestmark = pytest.mark.anyio
RUNWAY = "runway/gen4.5"
ROOM = 512 * 1024


def noise() -> bytes:
    """A PNG of about 1.4 MB."""
    buffer = io.BytesIO()
    Pillow.frombytes("RGB", (680, 680), os.urandom(680 * 680 * 3)).save(buffer, "PNG")
    return buffer.getvalue()


@contextmanager
def no_room() -> Iterator[None]:
    """No file of this process may grow beyond ROOM bytes."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_picture_for_which_there_is_no_room(house: House) -> None:
    image = noise()
    async with house.client() as client:
        with no_room(), pytest.raises(StoreError, match="inputs"):
            await client.generate("a fox", models=RUNWAY, image=image)
        assert [*(house.folder / "inputs").iterdir()] == []
        assert await client.jobs() == []
        assert (await client.generate("a fox", models=RUNWAY, image=image)).model == RUNWAY
    assert house.posts() == 1


async def test_a_file_where_the_pictures_are_kept(house: House) -> None:
    (house.folder / "inputs").write_text("in the way")
    async with house.client() as client:
        with pytest.raises(StoreError, match="inputs"):
            await client.generate("a fox", models=RUNWAY, image=noise())
        assert await client.jobs() == []
    assert house.posts() == 0
