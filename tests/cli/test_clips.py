"""What stands in a batch's file: nothing is nothing, and text stays what somebody wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from anyvideo import AsyncClient, InvalidRequest, Plugins, load_settings
from anyvideo.cli.clips import read_clip_file
from anyvideo.testing.clock import VirtualClock
from anyvideo.testing.fakes import FakeProvider

NOTHING = ["~", "null", "Null", "NULL", "", "!!null ''", "~  # none yet"]
FIELDS = [
    "image",
    "negative_prompt",
    "duration",
    "seed",
    "audio",
    "models",
    "metadata",
    "reference_images",
    "output",
    "max_cost",
    "index",
]


def clips_of(folder: Path, text: str, name: str = "clips.yaml") -> Any:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read_clip_file(path).clips


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("nothing", NOTHING)
def test_a_null_is_not_given(tmp_path: Path, field: str, nothing: str) -> None:
    assert clips_of(tmp_path, f"- prompt: a fox\n  {field}: {nothing}\n") == [{"prompt": "a fox"}]
    inline = nothing.partition("  #")[0]
    assert clips_of(tmp_path, f"[{{prompt: a fox, {field}: {inline}}}]") == [{"prompt": "a fox"}]


@pytest.mark.parametrize("field", [*FIELDS, "prompt"])
def test_a_null_in_json_is_not_given(tmp_path: Path, field: str) -> None:
    clip: dict[str, object] = {"resolution": "720p", field: None}
    assert clips_of(tmp_path, json.dumps([clip]), "clips.json") == [{"resolution": "720p"}]


def test_a_null_for_all_clips_is_not_given(tmp_path: Path) -> None:
    path = tmp_path / "clips.yaml"
    path.write_text("negative_prompt: ~\nbudget: null\nmodels:\nclips:\n  - prompt: a fox\n")
    told = read_clip_file(path)
    assert (told.options, told.terms) == ({}, {})


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('"~"', "~"),
        ("'null'", "null"),
        ('"null"', "null"),
        ("!!str ~", "~"),
        ("|-\n    null", "null"),
        ("null island", "null island"),
        ("nUll", "nUll"),
        ("~ a fox ~", "~ a fox ~"),
        ("none", "none"),
        ("yes", "yes"),
        ("no", "no"),
        ("1:30", "1:30"),
        ("007", "007"),
        ("0x1F", "0x1F"),
        ("1e3", "1e3"),
        ("2026-12-01", "2026-12-01"),
        ("1_000", "1_000"),
        (".inf", ".inf"),
        ("=", "="),
    ],
)
@pytest.mark.parametrize("field", ["prompt", "negative_prompt", "aspect_ratio"])
def test_text_stays_what_was_written(tmp_path: Path, field: str, written: str, said: str) -> None:
    [clip] = clips_of(tmp_path, f"- {field}: {written}\n")
    assert clip == {field: said}


@pytest.mark.parametrize("word", ["~", "null"])
def test_text_in_json_stays_what_was_written(tmp_path: Path, word: str) -> None:
    clip = {"prompt": word, "negative_prompt": word}
    assert clips_of(tmp_path, json.dumps([clip]), "clips.json") == [clip]


def test_a_null_among_names_is_left_out(tmp_path: Path) -> None:
    text = "- prompt: a fox\n  metadata: {scene: '4', take: ~}\n  reference_images: {fox: ~, owl: owl.png}\n"
    [clip] = clips_of(tmp_path, text)
    assert clip["metadata"] == {"scene": "4"}
    assert clip["reference_images"] == {"owl": str(tmp_path / "owl.png")}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.yaml", "- prompt: a fox\n  models: [svd, ~]\n"),
        ("c.json", '[{"prompt": "a fox", "models": ["svd", null]}]'),
    ],
)
def test_a_null_among_models_is_refused(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"clip 0.*models") as caught:
        clips_of(tmp_path, text, name)
    assert caught.value.field == "models"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.yaml", "- prompt: a fox\n- prompt: ~\n  image: ~\n  negative_prompt: blur\n"),
        ("c.yaml", "- prompt: a fox\n- prompt:\n"),
        ("c.json", '[{"prompt": "a fox"}, {"prompt": null, "image": null}]'),
    ],
)
async def test_a_clip_of_nothing_is_refused_by_its_number(tmp_path: Path, name: str, text: str) -> None:
    fake = FakeProvider("fake")
    async with AsyncClient(
        store="memory:",
        plugins=Plugins.of(fake.plugin()),
        settings=load_settings(environ={}, folder=tmp_path),
        clock=VirtualClock(),
    ) as client:
        with pytest.raises(InvalidRequest, match="clip 1") as caught:
            await client.batch(clips_of(tmp_path, text, name), models="fake/video")
    assert caught.value.field == "prompt"
    assert fake.orders == []


@pytest.mark.anyio
async def test_a_picture_with_a_null_prompt_is_bought_without_words(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (512, 512), "teal").save(tmp_path / "lake.png")
    fake = FakeProvider("fake")
    async with AsyncClient(
        store="memory:",
        plugins=Plugins.of(fake.plugin()),
        settings=load_settings(environ={}, folder=tmp_path),
        clock=VirtualClock(),
    ) as client:
        clips = clips_of(tmp_path, "- image: lake.png\n  prompt: ~\n  negative_prompt: ~\n")
        await client.batch(clips, models="fake/video")
    [order] = fake.orders
    assert {"prompt", "negative_prompt"}.isdisjoint(order.inputs)
