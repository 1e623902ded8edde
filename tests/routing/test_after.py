from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from anyvideo.routing.after import AFTER, next_candidate, ruled_out
from anyvideo.types.errors import PROVIDER_ERRORS
from anyvideo.types.plan import Plan
from anyvideo.types.request import VideoRequest

Wish = Callable[..., VideoRequest]
TURBO, GEN, RAY, SEEDANCE = "runway/gen4_turbo", "runway/gen4.5", "luma/ray-2", "replicate/seedance-1-lite"


@pytest.fixture
def plan(desk: Any) -> Plan:
    from anyvideo.types.request import Image

    request = VideoRequest(prompt="a heron", image=Image(url="https://pictures.example/heron.png"))
    return desk.plan(request, TURBO, GEN, RAY, SEEDANCE)  # type: ignore[no-any-return]


def follower(plan: Plan, kind: str, *tried: str, avoid: frozenset[str] = frozenset()) -> str | None:
    pairs = [(model, model.partition("/")[0]) for model in tried]
    found = next_candidate(plan, pairs, AFTER[kind], pairs[-1][1], avoid=avoid)
    return None if found is None else found.model


def test_every_error_that_a_vendor_can_cause_has_its_row() -> None:
    assert set(AFTER) == set(PROVIDER_ERRORS)


@pytest.mark.parametrize(
    ("kind", "following"),
    [
        ("BadRequest", GEN),
        ("ModelUnavailable", GEN),
        ("GenerationFailed", GEN),
        ("PatienceOver", GEN),
        ("RateLimited", GEN),
        ("NotAccepted", GEN),
        ("AuthenticationFailed", RAY),
        ("NoCredit", RAY),
        ("Forbidden", RAY),
        ("OutputModerated", RAY),
        ("InputModerated", None),
        ("ServiceError", None),
        ("ResultGone", None),
        ("DownloadFailed", None),
    ],
)
def test_where_an_error_leads(plan: Plan, kind: str, following: str | None) -> None:
    assert follower(plan, kind, TURBO) == following


def test_nothing_is_bought_again_that_may_have_been_paid() -> None:
    repeated = {kind for kind, after in AFTER.items() if after.again != "never"}
    assert repeated == {"RateLimited", "OverCapacity", "NotAccepted", "GenerationFailed"}
    for kind in repeated - {"GenerationFailed"}:
        assert AFTER[kind].money == "released"


def test_only_a_model_that_is_gone_is_remembered() -> None:
    assert [kind for kind, after in AFTER.items() if after.remember] == ["ModelUnavailable"]


def test_no_model_is_tried_twice_and_the_plan_ends(plan: Plan) -> None:
    assert follower(plan, "BadRequest", TURBO, GEN, RAY) == SEEDANCE
    assert follower(plan, "BadRequest", TURBO, GEN, RAY, SEEDANCE) is None


def test_a_vendor_that_was_ruled_out_stays_out(plan: Plan) -> None:
    assert follower(plan, "BadRequest", TURBO, RAY) == GEN
    avoid = ruled_out([("NoCredit", "runway"), ("BadRequest", "luma")])
    assert avoid == {"runway"}
    assert follower(plan, "BadRequest", TURBO, RAY, avoid=avoid) == SEEDANCE


def test_what_is_not_ready_is_not_used(desk: Any, wish: Wish) -> None:
    desk.ready = {"runway", "replicate"}
    plan = desk.plan(wish(), GEN, RAY, SEEDANCE)
    assert follower(plan, "BadRequest", GEN) == SEEDANCE
