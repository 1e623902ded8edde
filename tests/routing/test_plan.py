from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from anyvideo.types.errors import ConfigurationError, UnknownModel
from anyvideo.types.plan import Plan
from anyvideo.types.request import Image, VideoRequest

Wish = Callable[..., VideoRequest]


def models(plan: Plan) -> list[str]:
    return [candidate.model for candidate in plan.candidates]


def test_a_prompt_alone_goes_to_cogvideox_and_then_to_the_cheapest_other_vendor(
    desk: Any, wish: Wish
) -> None:
    plan = desk.plan(wish())
    assert models(plan) == ["replicate/cogvideox-t2v", "luma/ray-flash-2"]
    assert {rejection.model for rejection in plan.rejections} == {
        "replicate/stable-video-diffusion",
        "replicate/svd-christophy",
        "replicate/svd-sunfjun",
    }
    assert all("takes an image and no prompt" in rejection.reason for rejection in plan.rejections)


def test_a_picture_goes_to_svd_first(desk: Any, wish: Wish) -> None:
    assert models(desk.plan(wish(picture=True)))[:2] == [
        "replicate/stable-video-diffusion",
        "replicate/cogvideox-i2v",
    ]


def test_an_alias_yields_one_candidate_the_first_that_fits(desk: Any, wish: Wish) -> None:
    assert models(desk.plan(wish(), "cogvideox")) == ["replicate/cogvideox-t2v"]
    assert models(desk.plan(wish(picture=True), "cogvideox")) == ["replicate/cogvideox-i2v"]


def test_an_alias_goes_to_the_next_member_when_the_first_is_known_to_be_unavailable(
    desk: Any, wish: Wish
) -> None:
    shunned = {"replicate/stable-video-diffusion": "was unavailable an hour ago"}
    plan = desk.plan(wish(picture=True), "svd", shunned=shunned)
    assert models(plan) == ["replicate/svd-christophy"]
    exact = desk.plan(wish(picture=True), "replicate/stable-video-diffusion", shunned=shunned)
    assert [rejection.reason for rejection in exact.rejections] == ["was unavailable an hour ago"]


def test_an_alias_prefers_a_ready_member_of_another_provider(desk: Any, wish: Wish) -> None:
    specs = [
        replace(spec, family="fast") if spec.id in ("runway/gen4.5", "luma/ray-flash-2") else spec
        for spec in desk.specs
    ]
    desk.ready = {"runway"}
    assert models(desk.plan(wish(), "fast", specs=specs)) == ["runway/gen4.5"]
    desk.ready = set()
    first = desk.plan(wish(), "fast", specs=specs).candidates
    assert [(candidate.model, candidate.ready) for candidate in first] == [("luma/ray-flash-2", False)]


def test_a_missing_key_is_said_and_nothing_is_hidden(desk: Any, wish: Wish) -> None:
    desk.ready = {"luma"}
    plan = desk.plan(wish())
    missing = {candidate.model: candidate.missing for candidate in plan.candidates}
    assert missing == {"replicate/cogvideox-t2v": "set REPLICATE_API_TOKEN", "luma/ray-flash-2": None}
    assert [candidate.model for candidate in plan.ready] == ["luma/ray-flash-2"]


def test_without_any_key_the_stand_in_comes_last_and_is_marked(desk: Any, wish: Wish) -> None:
    desk.ready = set()
    plan = desk.plan(wish())
    assert models(plan)[-1] == "local/animatic"
    assert [(candidate.model, candidate.stand_in) for candidate in plan.ready] == [("local/animatic", True)]


def test_a_stand_in_never_passes_for_a_model(desk: Any, wish: Wish) -> None:
    assert "local/animatic" not in models(desk.plan(wish()))
    assert "local/animatic" not in models(desk.plan(wish(), "cheapest"))
    desk.ready = set()
    assert "local/animatic" not in models(desk.plan(wish(), "svd", "cogvideox", "cheapest"))


def test_a_stand_in_can_be_asked_for_by_name(desk: Any, wish: Wish) -> None:
    assert models(desk.plan(wish(), "local/animatic", "luma/ray-2")) == ["local/animatic", "luma/ray-2"]


def test_the_cheapest_is_of_a_vendor_that_the_plan_does_not_have(desk: Any, wish: Wish) -> None:
    assert models(desk.plan(wish(), "cheapest")) == ["replicate/seedance-1-lite"]
    assert models(desk.plan(wish(), "replicate/seedance-1-lite", "cheapest")) == [
        "replicate/seedance-1-lite",
        "luma/ray-flash-2",
    ]
    desk.ready = {"runway"}
    assert models(desk.plan(wish(), "cheapest")) == ["runway/veo3.1_fast"]
    desk.ready = set()
    unready = desk.plan(wish(), "cheapest").candidates
    assert [(candidate.model, candidate.ready) for candidate in unready] == [
        ("replicate/seedance-1-lite", False)
    ]


def test_where_even_the_cheapest_finds_nothing_every_reason_is_given(desk: Any, wish: Wish) -> None:
    plan = desk.plan(wish(duration=300), "cheapest")
    assert not plan.candidates
    assert {rejection.model for rejection in plan.rejections} == {
        spec.id for spec in desk.specs if spec.provider != "local"
    }


def test_doubles_are_removed(desk: Any, wish: Wish) -> None:
    route = ("luma/ray-2", "cogvideox", "luma/ray-2", "replicate/cogvideox-t2v", "cogvideox")
    assert models(desk.plan(wish(), *route)) == ["luma/ray-2", "replicate/cogvideox-t2v"]


def test_a_named_route_stands_for_its_entries(desk: Any, wish: Wish) -> None:
    routes = {"social": ["luma/ray-flash-2", "films"], "films": ["runway/gen4.5"]}
    assert models(desk.plan(wish(), "social", routes=routes)) == ["luma/ray-flash-2", "runway/gen4.5"]


def test_a_route_may_bear_a_familys_name_but_not_lead_back_to_itself(desk: Any, wish: Wish) -> None:
    routes = {"cogvideox": ["cogvideox", "luma/ray-2"], "a": ["b"], "b": ["a"]}
    assert models(desk.plan(wish(), "cogvideox", routes=routes)) == ["replicate/cogvideox-t2v", "luma/ray-2"]
    with pytest.raises(ConfigurationError, match="a → b → a"):
        desk.plan(wish(), "a", routes=routes)


def test_a_provider_and_a_star_stand_for_one_model_of_each_family(desk: Any, wish: Wish) -> None:
    assert models(desk.plan(wish(), "replicate/*")) == [
        "replicate/cogvideox-t2v",
        "replicate/seedance-1-lite",
    ]


@pytest.mark.parametrize(
    ("entry", "hints"),
    [
        ("luma/ray2", ["luma/ray-2"]),
        ("cogvideo", ["cogvideox"]),
        ("cheap", ["cheapest"]),
        ("luma", ["luma/*", "luma/ray-2"]),
        ("fal/kling", ["no installed provider is called 'fal'", "anyvideo providers"]),
        ("lumma/ray-2", ["anyvideo providers", "luma/ray-2"]),
        ("zzz", ["anyvideo models"]),
    ],
)
def test_an_unknown_name_says_what_may_be_meant(desk: Any, wish: Wish, entry: str, hints: list[str]) -> None:
    with pytest.raises(UnknownModel) as caught:
        desk.plan(wish(), "svd", entry)
    assert caught.value.field == "models"
    assert all(hint in str(caught.value) for hint in hints)


def test_only_an_extra_that_exists_is_named_to_install(
    desk: Any, wish: Wish, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins = [plugin for plugin in desk.plugins if plugin.name != "luma"]
    specs = [spec for spec in desk.specs if spec.provider != "luma"]
    for entry in ("nope/x", "media/x", "all/x", "lumaa/x"):
        with pytest.raises(UnknownModel) as caught:
            desk.plan(wish(), entry, plugins=plugins, specs=specs)
        assert "pip install" not in str(caught.value)
    with pytest.raises(UnknownModel, match=r"installed and not loaded.*ANYVIDEO_PLUGINS"):
        desk.plan(wish(), "luma/ray-2", plugins=plugins, specs=specs)
    monkeypatch.setattr("anyvideo.routing.route.entry_points", lambda **_: ())
    with pytest.raises(UnknownModel, match=r'pip install "anyvideo\[luma\]"'):
        desk.plan(wish(), "luma/ray-2", plugins=plugins, specs=specs)


def test_a_model_whose_price_has_no_bound_needs_leave(desk: Any, wish: Wish) -> None:
    specs = [replace(spec, prices=()) if spec.id == "luma/ray-2" else spec for spec in desk.specs]
    plan = desk.plan(wish(), "luma/ray-2", specs=specs)
    assert plan.rejections[0].field == "allow_unpriced"
    assert "allow_unpriced=True" in plan.rejections[0].reason
    (candidate,) = desk.plan(wish(), "luma/ray-2", specs=specs, allow_unpriced=True).candidates
    assert candidate.quote.expected is candidate.quote.ceiling is None


def test_compute_seconds_count_as_unpriced_without_the_vendors_deadline(desk: Any, wish: Wish) -> None:
    plugins = [replace(plugin, vendor_deadline=False) for plugin in desk.plugins]
    plan = desk.plan(wish(), "cogvideox", "luma/ray-2", plugins=plugins)
    assert models(plan) == ["luma/ray-2"]
    reason = next(one.reason for one in plan.rejections if one.model == "replicate/cogvideox-t2v")
    assert "nothing bounds its price" in reason


def test_the_policy_cheapest_sorts_by_what_is_expected(desk: Any, wish: Wish) -> None:
    route = ("runway/gen4.5", "local/animatic", "luma/ray-2", "luma/ray-flash-2")
    assert models(desk.plan(wish(), *route)) == list(route)
    assert models(desk.plan(wish(), *route, policy="cheapest")) == [
        "luma/ray-flash-2",
        "runway/gen4.5",
        "luma/ray-2",
        "local/animatic",
    ]


def test_the_quotes_are_those_of_the_vendors_price_pages(desk: Any, wish: Wish) -> None:
    def expected(model: str, **more: Any) -> Decimal | None:
        (candidate,) = desk.plan(wish(**more), model).candidates
        return candidate.quote.expected  # type: ignore[no-any-return]

    # Clip prices that Luma itself published for ray-2; the rest are credits or dollars per second.
    for resolution, clip in (("540p", "0.40"), ("720p", "0.71"), ("1080p", "1.59"), ("4k", "6.37")):
        found = expected("luma/ray-2", resolution=resolution, duration=5)
        assert found is not None
        assert abs(found - Decimal(clip)) < Decimal("0.005")
    assert expected("runway/veo3.1_fast", duration=8, audio=True) == Decimal("1.20")
    assert expected("runway/veo3.1_fast", duration=8) == Decimal("0.80")
    assert expected("runway/gen4_turbo", picture=True, duration=10) == Decimal("0.50")
    assert expected("replicate/seedance-1-lite", duration=10, resolution="1080p") == Decimal("0.72")


def test_a_picture_that_only_one_vendor_can_take_is_explained_to_the_other(desk: Any) -> None:
    big = VideoRequest(prompt="a heron", image=Image(data=bytes(6_000_000), content_type="image/png"))
    plan = desk.plan(big, "luma/ray-2", "replicate/cogvideox-i2v")
    assert models(plan) == ["replicate/cogvideox-i2v"]
    assert "pass its URL" in plan.rejections[0].reason


def test_strict_turns_every_change_into_a_rejection(desk: Any, wish: Wish) -> None:
    request = wish(duration=5)
    assert models(desk.plan(request, "cogvideox", "luma/ray-2")) == ["replicate/cogvideox-t2v", "luma/ray-2"]
    assert models(desk.plan(request, "cogvideox", "luma/ray-2", strict=True)) == ["luma/ray-2"]
