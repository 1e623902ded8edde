from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from anyvideo import ConfigurationError, Settings
from anyvideo.settings.profiles import Defaults

Load = Callable[..., Settings]


def test_nothing_holds_where_no_profile_was_chosen(load: Load) -> None:
    assert load().defaults == Defaults()
    assert load(ENVIRONMENT="test").defaults == Defaults()


@pytest.mark.parametrize(
    "chosen",
    [{"profile": "development"}, {"ANYVIDEO_PROFILE": "development"}, {"ENVIRONMENT": "development"}],
)
def test_development_is_small_and_cheap(load: Load, chosen: dict[str, str]) -> None:
    settings = load(**chosen)
    assert settings.policy == "cheapest"
    assert settings.defaults == Defaults(
        aspect_ratio="16:9",
        resolution="432p",
        fps=24,
        max_duration=4,
        concurrency=3,
        steps=20,
        motion=100,
        policy="cheapest",
        budget=Decimal("2.00"),
    )


@pytest.mark.parametrize("environment", ["production", "staging"])
def test_production_is_larger(load: Load, environment: str) -> None:
    settings = load(ENVIRONMENT=environment)
    assert settings.policy == "listed"
    assert (settings.defaults.resolution, settings.defaults.fps, settings.defaults.max_duration) == (
        "576p",
        30,
        8,
    )
    assert (settings.defaults.concurrency, settings.defaults.steps, settings.defaults.motion) == (5, 25, 127)


def test_the_file_replaces_single_values(load: Load) -> None:
    toml = (
        'policy = "listed"\n[profiles.development.defaults]\nsteps = 10\nsize = "1280x720"\nbudget = "0.50"\n'
    )
    settings = load(toml, profile="development")
    assert (settings.policy, settings.defaults.steps, settings.defaults.fps) == ("listed", 10, 24)
    assert (settings.defaults.aspect_ratio, settings.defaults.resolution) == ("16:9", "720p")
    assert settings.defaults.budget == Decimal("0.50")
    assert load(toml).defaults == Defaults(
        steps=10, aspect_ratio="16:9", resolution="720p", budget=Decimal("0.50")
    )


def test_a_profile_of_ones_own_has_only_what_it_says(load: Load) -> None:
    assert load("[profiles.mine.defaults]\nfps = 12\n", profile="mine").defaults == Defaults(fps=12)


@pytest.mark.parametrize(
    ("toml", "key"),
    [
        ('size = "large"', "size"),
        ("fps = 0", "fps"),
        ("motion = 300", "motion"),
        ("steps = 5000", "steps"),
        ('policy = "best"', "policy"),
        ("colour = 1", "colour"),
    ],
)
def test_a_wrong_value_names_its_key(load: Load, toml: str, key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(f"[profiles.production.defaults]\n{toml}\n")
    assert key in f"{caught.value.field} {caught.value.message}"
