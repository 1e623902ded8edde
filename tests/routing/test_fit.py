from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anyvideo.catalog.spec import ModelSpec, ModelStatus
from anyvideo.provider import MediaRules
from anyvideo.routing.fit import fit
from anyvideo.types.plan import Fit, Rejection
from anyvideo.types.request import Image, VideoRequest

TODAY = date(2026, 11, 21)
ANY_MEDIA = MediaRules(upload_bytes=10**9)

Wish = Callable[..., VideoRequest]


@pytest.fixture
def possible(desk: Any) -> Callable[..., Fit]:
    def fitted(model: str, request: VideoRequest, **options: Any) -> Fit:
        result = fit(request, desk.spec(model), **{"today": TODAY, "media": ANY_MEDIA, **options})
        assert isinstance(result, Fit), result
        return result

    return fitted


@pytest.fixture
def impossible(desk: Any) -> Callable[..., Rejection]:
    def rejected(model: str | ModelSpec, request: VideoRequest, **options: Any) -> Rejection:
        spec = desk.spec(model) if isinstance(model, str) else model
        result = fit(request, spec, **{"today": TODAY, "media": ANY_MEDIA, **options})
        assert isinstance(result, Rejection), result
        return result

    return rejected


@pytest.mark.parametrize(
    ("duration", "fps", "frames", "rate", "seconds"),
    [
        (None, None, 25, 6, 25 / 6),
        (4.17, None, 25, 6, 25 / 6),
        (5, None, 25, 5, 5.0),
        (2.8, None, 14, 5, 2.8),
        (2.33, None, 14, 6, 14 / 6),
        (1, None, 14, 14, 1.0),
        (3, 12, 25, 12, 25 / 12),
        (1, 12, 14, 12, 14 / 12),
    ],
)
def test_svd_takes_the_frames_and_the_rate_that_come_nearest(
    possible: Any, wish: Wish, duration: float, fps: float, frames: int, rate: int, seconds: float
) -> None:
    found = possible("replicate/stable-video-diffusion", wish(None, picture=True, duration=duration, fps=fps))
    assert (found.frames, found.fps) == (frames, rate)
    assert found.duration == pytest.approx(seconds)
    words = {14: "14_frames_with_svd", 25: "25_frames_with_svd_xt"}
    assert found.inputs["video_length"] == words[frames]
    assert found.inputs["frames_per_second"] == rate


def test_svd_is_told_no_prompt_and_says_so(possible: Any, wish: Wish) -> None:
    found = possible("replicate/stable-video-diffusion", wish("a heron", picture=True))
    assert "a heron" not in found.inputs.values()
    assert found.prompt is None
    assert [(change.field, change.given) for change in found.adjustments] == [("prompt", None)]


def test_svd_keeps_the_pictures_ratio_unless_one_that_it_can_crop_to_is_asked(
    possible: Any, wish: Wish
) -> None:
    def strategy(**more: Any) -> tuple[object, object, list[str]]:
        found = possible("replicate/stable-video-diffusion", wish(None, picture=True, **more))
        return found.inputs["sizing_strategy"], found.size, [change.field for change in found.adjustments]

    assert strategy() == ("maintain_aspect_ratio", None, [])
    assert strategy(aspect_ratio="16:9") == ("crop_to_16_9", (1024, 576), [])
    assert strategy(aspect_ratio="1:1") == ("maintain_aspect_ratio", None, ["aspect_ratio"])


def test_cogvideox_makes_six_seconds_and_an_eighth(possible: Any, impossible: Any, wish: Wish) -> None:
    found = possible("replicate/cogvideox-t2v", wish(duration=5))
    assert (found.duration, found.frames, found.fps) == (6.125, 49, 8)
    assert str(found.adjustments[0]).startswith("duration: 5 s → 6.125 s")
    assert impossible("replicate/cogvideox-t2v", wish(duration=4)).field == "duration"


@pytest.mark.parametrize(
    ("model", "request_of", "reason", "field"),
    [
        ("replicate/stable-video-diffusion", {}, "takes an image and no prompt", "image"),
        ("runway/gen4_turbo", {}, "takes an image; this request has only a prompt", "image"),
        ("replicate/cogvideox-t2v", {"picture": True}, "a prompt and no image", "image"),
        ("runway/gen4.5", {"prompt": None, "picture": True}, "needs a prompt", "prompt"),
        ("runway/gen4.5", {"aspect_ratio": "1:1"}, "makes 16:9, 9:16, not 1:1", "aspect_ratio"),
        ("runway/veo3.1_fast", {"duration": 11}, "makes 4 s or 6 s or 8 s", "duration"),
        ("runway/gen4.5", {"duration": 13}, "makes 2 to 10 s", "duration"),
        ("luma/ray-2", {"duration": 7.5, "tolerance": 1.0}, "makes 5 s or 9 s", "duration"),
        ("runway/gen4.5", {"prompt": "x" * 1001}, "at most 1000 characters; this one has 1001", "prompt"),
        ("runway/gen4.5", {"prompt": "🦊" * 501}, "this one has 1002", "prompt"),
    ],
)
def test_what_cannot_be_done_is_turned_down_with_the_reason(
    impossible: Any, wish: Wish, model: str, request_of: dict[str, Any], reason: str, field: str
) -> None:
    options = {"tolerance": request_of.pop("tolerance")} if "tolerance" in request_of else {}
    rejection = impossible(model, wish(**request_of), **options)
    assert reason in rejection.reason
    assert (rejection.model, rejection.field) == (model, field)


def test_a_ratio_that_only_pictures_allow_is_made_with_a_picture(possible: Any, wish: Wish) -> None:
    assert possible("runway/gen4.5", wish(picture=True, aspect_ratio="1:1")).inputs["ratio"] == "960:960"


def test_a_ratio_may_be_written_in_other_numbers(possible: Any, wish: Wish) -> None:
    assert possible("runway/gen4.5", wish(aspect_ratio="32:18")).inputs["ratio"] == "1280:720"


@pytest.mark.parametrize(
    ("model", "asked", "given", "changed"),
    [
        ("luma/ray-2", None, "720p", False),
        ("luma/ray-2", "1080p", "1080p", False),
        ("luma/ray-2", "480p", "540p", True),
        ("luma/ray-2", "2k", "1080p", True),
        ("luma/ray-2", "2160p", "4k", False),
        ("replicate/seedance-1-lite", "4k", "1080p", True),
        ("runway/gen4.5", "1080p", "720p", True),
    ],
)
def test_a_resolution_is_sent_always_and_is_the_nearest_lower_one(
    possible: Any, wish: Wish, model: str, asked: str | None, given: str, changed: bool
) -> None:
    found = possible(model, wish(resolution=asked))
    assert found.resolution == given
    assert bool(found.adjustments) is changed
    assert found.inputs.get("resolution", given) == given


def test_silence_is_asked_for_in_so_many_words_as_sound_costs_more(possible: Any, wish: Wish) -> None:
    assert possible("runway/veo3.1_fast", wish()).inputs["audio"] is False
    assert possible("runway/veo3.1_fast", wish(audio=True)).inputs["audio"] is True


def test_sound_that_a_model_cannot_make_is_an_adjustment(possible: Any, wish: Wish) -> None:
    found = possible("luma/ray-2", wish(audio=True))
    assert found.audio is False
    assert [str(change) for change in found.adjustments] == ["audio: on → off (this model makes no sound)"]


def test_a_model_that_always_makes_sound_says_so(desk: Any, wish: Wish) -> None:
    loud = replace(desk.spec("luma/ray-2"), audio=True)
    found = fit(wish(audio=False), loud, today=TODAY, media=ANY_MEDIA)
    assert isinstance(found, Fit)
    assert found.audio is True
    assert found.adjustments[0].field == "audio"


def test_what_a_model_does_not_take_is_dropped_and_listed(possible: Any, wish: Wish) -> None:
    found = possible("luma/ray-2", wish(seed=7, negative_prompt="rain", fps=30))
    assert {change.field: change.given for change in found.adjustments} == {
        "seed": None,
        "negative_prompt": None,
        "fps": "24",
    }
    assert found.seed is None
    assert 7 not in found.inputs.values()


def test_the_length_is_said_in_the_models_form(possible: Any, wish: Wish) -> None:
    assert possible("luma/ray-2", wish(duration=5.2)).inputs["duration"] == "5s"
    assert possible("runway/gen4.5", wish(duration=5.4)).inputs["duration"] == 5
    assert isinstance(possible("runway/gen4.5", wish(duration=5)).inputs["duration"], int)


def test_an_animatic_lasts_as_long_as_asked_in_whole_frames(possible: Any, wish: Wish) -> None:
    found = possible("local/animatic", wish(duration=5.2, fps=30, resolution="480p", aspect_ratio="9:16"))
    assert found.duration == pytest.approx(5.2)
    assert found.duration * found.fps == pytest.approx(156)
    assert found.size == (480, 854)
    assert not found.adjustments


def test_strict_allows_no_change(possible: Any, impossible: Any, wish: Wish) -> None:
    exact, near = wish(duration=5), wish(duration=5.2)
    assert possible("luma/ray-2", exact, strict=True).duration == 5
    assert impossible("luma/ray-2", near, strict=True).field == "duration"
    assert possible("luma/ray-2", near).duration == 5


def test_a_retired_model_names_its_replacement(desk: Any, possible: Any, impossible: Any, wish: Wish) -> None:
    leaving = replace(desk.spec("luma/ray-2"), retires=TODAY, replacement="luma/ray-flash-2")
    assert "retired by its vendor on 2026-11-21; use luma/ray-flash-2" in impossible(leaving, wish()).reason
    assert isinstance(fit(wish(), leaving, today=TODAY - timedelta(days=1), media=ANY_MEDIA), Fit)
    gone = replace(leaving, status=ModelStatus.RETIRED, retires=None)
    assert "retired" in impossible(gone, wish()).reason


@pytest.mark.parametrize(
    ("rules", "size", "content_type", "reason"),
    [
        (MediaRules(), 10, "image/png", "by address only: host it and pass its URL"),
        (MediaRules(data_uri_bytes=4022), 3001, "image/png", "host it and pass its URL"),
        (MediaRules(data_uri_bytes=10, upload_bytes=3000), 3001, "image/png", "at most 0.003 MB"),
        (MediaRules(upload_bytes=9000), 10, "image/gif", "takes pictures as jpeg, png, webp, not image/gif"),
    ],
)
def test_a_picture_that_cannot_be_handed_over_is_turned_down(
    impossible: Any, rules: MediaRules, size: int, content_type: str, reason: str
) -> None:
    request = VideoRequest(prompt="a heron", image=Image(data=bytes(size), content_type=content_type))
    rejection = impossible("luma/ray-2", request, media=rules)
    assert reason in rejection.reason
    assert rejection.field == "image"


def test_a_picture_fits_by_its_encoded_size_or_as_an_upload(possible: Any) -> None:
    # 3000 bytes are 4000 characters of base64 behind the 22 of `data:image/png;base64,`.
    request = VideoRequest(prompt="a heron", image=Image(data=bytes(3000), content_type="image/png"))
    for rules in (MediaRules(data_uri_bytes=4022), MediaRules(data_uri_bytes=9, upload_bytes=3000)):
        assert possible("luma/ray-2", request, media=rules).image_input == "keyframes.frame0"


def test_a_picture_at_an_address_needs_no_handing_over(possible: Any) -> None:
    request = VideoRequest(prompt="a heron", image=Image(url="https://pictures.example/heron.png"))
    assert possible("luma/ray-2", request, media=MediaRules()).image == request.image


REQUESTS = st.builds(
    VideoRequest,
    prompt=st.text(min_size=1, max_size=1200).filter(str.strip),
    image=st.none() | st.just(Image(url="https://pictures.example/heron.png")),
    duration=st.none() | st.floats(min_value=0.1, max_value=70),
    aspect_ratio=st.none() | st.sampled_from(["16:9", "9:16", "1:1", "4:3", "21:9", "3:2", "5:4"]),
    resolution=st.none() | st.sampled_from(["240p", "480p", "576p", "720p", "1080p", "2k", "4k"]),
    fps=st.none() | st.floats(min_value=1, max_value=120),
    seed=st.none() | st.integers(min_value=0, max_value=2**32 - 1),
    negative_prompt=st.none() | st.just("rain"),
    audio=st.none() | st.booleans(),
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(request=REQUESTS, strict=st.booleans())
def test_whatever_is_asked_a_fit_is_honest(desk: Any, request: VideoRequest, strict: bool) -> None:
    for spec in desk.specs:
        found = fit(request, spec, today=TODAY, media=ANY_MEDIA, strict=strict)
        if isinstance(found, Rejection):
            assert found.reason
            continue
        changed = {change.field for change in found.adjustments}
        assert not (strict and changed)
        if request.duration is not None:
            assert abs(found.duration - request.duration) <= 2.0
            assert "duration" in changed or abs(found.duration - request.duration) <= 0.05
        for field in ("prompt", "negative_prompt", "seed", "audio"):
            asked = getattr(request, field)
            assert asked is None or field in changed or getattr(found, field) == asked
        assert "fps" in changed or request.fps in (None, found.fps)
        assert set(found.inputs) & set(spec.inputs.values()) >= {
            spec.inputs[word] for word in ("prompt", "seed") if getattr(found, word) is not None
        }
