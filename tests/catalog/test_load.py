from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from anyvideo.catalog.load import overlay, parse_catalog, read_catalog
from anyvideo.catalog.spec import Catalog, ModelSpec
from anyvideo.types.errors import CatalogError
from anyvideo.types.request import Task


def test_a_model_is_read_as_it_is_written(reel: ModelSpec) -> None:
    assert (reel.id, reel.provider, reel.name) == ("acme/reel", "acme", "reel")
    assert reel.vendor == "Acme Films"
    assert reel.tasks == (Task.TEXT_TO_VIDEO, Task.IMAGE_TO_VIDEO)
    assert reel.constants == {"quality": 7}
    assert reel.length.rate is not None
    assert reel.length.rate.default == 25
    assert [price.amount for price in reel.prices] == [Decimal("0.05"), Decimal("0.08")]


def test_a_price_without_its_own_date_and_source_has_the_models(reel: ModelSpec) -> None:
    plain, sound = reel.prices
    assert (plain.checked, plain.source) == (date(2026, 11, 1), "acme's model card")
    assert (sound.checked, sound.source) == (date(2026, 10, 1), "acme's price page")


def test_ratios_and_resolutions_become_sizes_with_the_words_that_ask_for_them(reel: ModelSpec) -> None:
    square = next(size for size in reel.shape.sizes if size.ratio == "1:1" and size.resolution == "480p")
    assert square.pixels == (480, 480)
    assert square.inputs == {"shape": "1:1", "lines": "480p"}
    assert len(reel.shape.sizes) == 4


@pytest.mark.parametrize(
    ("keeps", "ratio", "pixels"),
    [
        ("area", "1:1", (960, 960)),
        ("area", "9:16", (720, 1280)),
        ("short_side", "1:1", (720, 720)),
        ("short_side", "21:9", (1680, 720)),
        ("unknown", "1:1", (960, 960)),
        ("unknown", "21:9", (1680, 720)),
    ],
)
def test_pixels_of_other_ratios_follow_what_they_keep(
    text: str, keeps: str, ratio: str, pixels: tuple[int, int]
) -> None:
    edited = text.replace('keeps = "short_side"', f'keeps = "{keeps}"').replace('"1:1"]', f'"{ratio}"]')
    spec = parse_catalog(edited, provider="acme", vendor="acme").models[0]
    found = {(size.ratio, size.resolution): size.pixels for size in spec.shape.sizes}
    assert found[ratio, "720p"] == pixels
    assert found["16:9", "720p"] == (1280, 720)


def test_pixels_that_nobody_states_are_not_invented(text: str) -> None:
    spec = parse_catalog(text.replace('keeps = "short_side"\n', ""), provider="acme", vendor="acme").models[0]
    assert {size.pixels for size in spec.shape.sizes} == {None}


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('amount = "0.05"', "amount = 0.05", "price[0].amount"),
        ('amount = "0.08"', 'amount = "-1"', "price[1].amount"),
        ('amount = "0.08"', 'amount = "NaN"', "price[1].amount"),
        ("audio = true }", "sound = true }", "price[1].when.sound"),
        ('per = "output_second"', 'per = "frame"', "price[0].per"),
        ('per = "output_second"', 'per = "credit"', "price[0].credits"),
        ('per = "output_second"', 'per = "compute_second"', "compute"),
        ("checked = 2026-11-01", 'checked = "yesterday"', "checked"),
        ("checked = 2026-11-01", "checked = 2026-11-01T00:00:00Z", "checked"),
        ('status = "active"', 'status = "fine"', "status"),
        ('status = "active"\n', "", "status"),
        ('"image_to_video"]', '"image_to_reel"]', "tasks"),
        ('image = "start"\n', "", "tasks"),
        ('prompt = "text"', 'promt = "text"', "inputs.promt"),
        ('required = ["prompt"]', 'required = ["seed"]', "required"),
        ('required = ["prompt"]', 'required = ["image"]', "required"),
        ('family = "reels"', 'family = "cheapest"', "family"),
        ("prompt_limit = 400", "prompt_limit = 0", "prompt_limit"),
        ("prompt_limit = 400", "promt_limit = 400", "promt_limit"),
        ("default = 4", "default = 5", "length.default"),
        ("default = 4", "default = 4\nminimum = 2\nmaximum = 9", "length.seconds"),
        ('form = "{}sec"', 'form = "sec"', "length.form"),
        ("fps = 25", "fps = { min = 30, max = 60, default = 25 }", "length.fps.default"),
        ("seconds = [4, 8]", "frames = 49", "length.frames"),
        ('default_ratio = "16:9"', 'default_ratio = "4:3"', "shape.default_ratio"),
        ('"1:1"]', '"square"]', "shape.ratios"),
        ("p99 = 120", "p99 = 12", "time.p99"),
        ("p99 = 120", "p99 = inf", "time.p99"),
        ('id = "reel"', 'id = "Reel/1"', "model[0].id"),
    ],
)
def test_an_error_names_file_model_and_key(text: str, old: str, new: str, place: str) -> None:
    assert old in text
    with pytest.raises(CatalogError) as caught:
        parse_catalog(text.replace(old, new, 1), provider="acme", vendor="acme", origin="their/models.toml")
    assert caught.value.message.startswith("their/models.toml: ")
    assert "model[0]" in caught.value.message
    assert f" {place} " in caught.value.message


def test_an_unknown_key_says_what_was_meant(text: str) -> None:
    with pytest.raises(CatalogError, match=r"notes2 is not known .*'notes'"):
        parse_catalog(text.replace("prompt_limit = 400", 'notes2 = "x"'), provider="acme", vendor="acme")


def test_a_missing_key_says_which_one_may_be_meant(text: str) -> None:
    with pytest.raises(CatalogError, match=r"shape\.default_ratio is missing .*'defalt_ratio'"):
        parse_catalog(text.replace("default_ratio", "defalt_ratio"), provider="acme", vendor="acme")


def test_a_second_model_is_named_by_its_place_and_id(text: str) -> None:
    second = text.replace('id = "reel"', 'id = "reel-2"').replace("median = 40", 'median = "long"')
    with pytest.raises(CatalogError, match=r"model\[1\] 'reel-2': time\.median"):
        parse_catalog(text + second, provider="acme", vendor="acme")


def test_two_models_cannot_share_an_id(text: str) -> None:
    with pytest.raises(CatalogError, match="two models"):
        parse_catalog(text + text, provider="acme", vendor="acme")


def test_what_is_not_toml_is_one_error_that_names_the_file() -> None:
    with pytest.raises(CatalogError, match=r"their\.toml"):
        parse_catalog("[[model", provider="acme", vendor="acme", origin="their.toml")


def test_an_overlay_changes_what_it_names_and_nothing_else(acme: Catalog) -> None:
    mine = """
    [[model]]
    id = "reel"
    [[model.price]]
    per = "output_second"
    amount = "0.03"
    checked = 2026-11-20
    source = "our contract"
    """
    (changed,) = overlay(acme, mine, "mine.toml").models
    (before,) = acme.models
    assert [price.amount for price in changed.prices] == [Decimal("0.03")]
    assert changed.prices[0].source == "our contract"
    assert (changed.length, changed.shape, changed.inputs) == (before.length, before.shape, before.inputs)


def test_an_overlay_can_add_a_model(acme: Catalog, text: str) -> None:
    added = overlay(acme, text.replace('id = "reel"', 'id = "mine"'), "mine.toml")
    assert [spec.id for spec in added.models] == ["acme/reel", "acme/mine"]
    assert added.models[1].vendor == "Acme Films"


def test_an_overlay_is_checked_like_any_catalog(acme: Catalog) -> None:
    with pytest.raises(CatalogError, match=r"mine\.toml: model\[0\] 'reel': status must be one of"):
        overlay(acme, '[[model]]\nid = "reel"\nstatus = "gone"', "mine.toml")
    with pytest.raises(CatalogError, match=r"mine\.toml: model\[0\] 'other': inputs is missing"):
        overlay(acme, '[[model]]\nid = "other"', "mine.toml")


@pytest.mark.parametrize("name", ["replicate", "runway", "luma", "local"])
def test_the_shipped_catalogs_give_date_and_source_for_every_fact(name: str) -> None:
    catalog = read_catalog(name, vendor=name, package=f"anyvideo_{name}")
    assert catalog.models
    for spec in catalog.models:
        assert spec.prices, f"{spec.id} has no price"
        for fact in (spec, *spec.prices):
            assert date(2026, 1, 1) < fact.checked <= date(2026, 11, 21), spec.id
            assert len(fact.source) > 10, spec.id


def test_a_guess_is_called_one() -> None:
    catalog = read_catalog("replicate", vendor="replicate", package="anyvideo_replicate")
    for spec in catalog.models:
        if not spec.official:
            assert all("unverified" in price.source for price in spec.prices), spec.id


@pytest.mark.parametrize(
    ("override", "slug", "version"),
    [
        ("a" * 64, "acme/reel", "a" * 64),
        ("latest", "acme/reel", "latest"),
        ("else/where:" + "b" * 64, "else/where", "b" * 64),
        ("else/where", "else/where", "latest"),
    ],
)
def test_a_version_can_be_pinned(reel: ModelSpec, override: str, slug: str, version: str) -> None:
    pinned = reel.pinned(override)
    assert (pinned.slug, pinned.version) == (slug, version)
    assert pinned.id == reel.id
