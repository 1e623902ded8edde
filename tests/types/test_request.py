from __future__ import annotations

import math
from typing import Any

import pytest

from anyvideo import Image, InvalidRequest, Task, VideoRequest

PICTURE = Image(url="https://example.com/lake.png")


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("prompt", ""),
        ("prompt", "   \n"),
        ("prompt", "x" * 20_001),
        ("negative_prompt", " "),
        ("duration", 0),
        ("duration", -1.5),
        ("duration", math.inf),
        ("duration", math.nan),
        ("duration", 601),
        ("duration", True),
        ("aspect_ratio", "16:0"),
        ("aspect_ratio", "0:9"),
        ("aspect_ratio", "16/9"),
        ("aspect_ratio", "16:9 "),
        ("resolution", "huge"),
        ("resolution", "0p"),
        ("fps", 0),
        ("fps", 241),
        ("seed", -1),
        ("seed", 2**32),
        ("seed", True),
    ],
)
def test_a_wrong_field_is_named(field: str, wrong: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        VideoRequest(**{"prompt": "a fox", field: wrong})
    assert caught.value.field == field


def test_nothing_at_all_is_turned_down() -> None:
    with pytest.raises(InvalidRequest) as caught:
        VideoRequest()
    assert caught.value.field == "prompt"


def test_a_picture_alone_is_enough_and_decides_the_task() -> None:
    assert VideoRequest(image=PICTURE).task is Task.IMAGE_TO_VIDEO
    assert VideoRequest(prompt="a fox").task is Task.TEXT_TO_VIDEO


@pytest.mark.parametrize("ratio", ["16:9", "9:16", "1:1", "21:9", "2:3"])
def test_ratios_of_the_field_are_understood(ratio: str) -> None:
    assert VideoRequest(prompt="a fox", aspect_ratio=ratio).aspect_ratio == ratio


@pytest.mark.parametrize("resolution", ["360p", "480p", "720p", "1080p", "2k", "4k"])
def test_resolutions_of_the_field_are_understood(resolution: str) -> None:
    assert VideoRequest(prompt="a fox", resolution=resolution).resolution == resolution


def test_a_picture_is_an_address_or_content_but_not_both_nor_neither() -> None:
    for arguments in ({}, {"url": "https://example.com/a.png", "data": b"x"}):
        with pytest.raises(InvalidRequest) as caught:
            Image(**arguments)
        assert caught.value.field == "image"


def test_picture_bytes_stay_out_of_the_repr() -> None:
    assert "secret-pixels" not in repr(Image(data=b"secret-pixels"))
