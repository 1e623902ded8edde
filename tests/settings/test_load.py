from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from anyvideo import Budget, ConfigurationError, Settings, load_settings

Load = Callable[..., Settings]


def test_without_anything_there_are_defaults(load: Load) -> None:
    settings = load()
    assert settings.route == ("svd", "cogvideox", "cheapest", "stand-in")
    assert (settings.profile, settings.policy, settings.on_unknown) == ("development", "listed", "hold")
    assert settings.concurrency == 8
    assert settings.timeouts.submit == 60
    assert settings.store.endswith("jobs.db")
    assert settings.plugins is None


def test_the_file_is_found_above_the_folder_and_its_paths_start_from_it(tmp_path: Path) -> None:
    (tmp_path / "anyvideo.toml").write_text('[store]\npath = "data/jobs.db"\n[output]\nfolder = "clips"\n')
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    settings = load_settings(environ={}, folder=inner)
    assert settings.store == str(tmp_path / "data" / "jobs.db")
    assert settings.output == tmp_path / "clips"


def test_a_variable_names_another_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("concurrency = 3")
    assert load("concurrency = 2", ANYVIDEO_CONFIG="other.toml").concurrency == 3
    with pytest.raises(ConfigurationError, match="ANYVIDEO_CONFIG names a file that is not there"):
        load(ANYVIDEO_CONFIG="missing.toml")


def test_the_environment_beats_dotenv_and_dotenv_beats_the_file(load: Load) -> None:
    assert load("concurrency = 2").concurrency == 2
    assert load("concurrency = 2", "ANYVIDEO_CONCURRENCY=3").concurrency == 3
    assert load("concurrency = 2", "ANYVIDEO_CONCURRENCY=3", ANYVIDEO_CONCURRENCY="4").concurrency == 4


def test_an_older_name_in_the_environment_beats_a_newer_one_in_dotenv(load: Load) -> None:
    settings = load("", "ANYVIDEO_CONCURRENCY=3", VIDEO_GENERATOR_CONCURRENCY="5")
    assert settings.concurrency == 5


def test_a_blank_variable_counts_as_not_set(load: Load) -> None:
    assert load("concurrency = 2", ANYVIDEO_CONCURRENCY="  ").concurrency == 2


def test_dotenv_is_not_read_from_folders_above(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ANYVIDEO_CONCURRENCY=77")
    inner = tmp_path / "project"
    inner.mkdir()
    assert load_settings(environ={}, folder=inner).concurrency == 8


def test_dotenv_is_read_beside_the_file_that_was_found(tmp_path: Path) -> None:
    (tmp_path / "anyvideo.toml").write_text('policy = "cheapest"')
    (tmp_path / ".env").write_text("ANYVIDEO_CONCURRENCY=77")
    inner = tmp_path / "project"
    inner.mkdir()
    settings = load_settings(environ={}, folder=inner)
    assert (settings.policy, settings.concurrency) == ("cheapest", 77)


@pytest.mark.parametrize(
    ("environ", "profile"),
    [
        ({}, "development"),
        ({"ENVIRONMENT": "production"}, "production"),
        ({"ENVIRONMENT": "Staging"}, "production"),
        ({"ENVIRONMENT": "test"}, "development"),
        ({"ENVIRONMENT": "production", "ANYVIDEO_PROFILE": "development"}, "development"),
        ({"ANYVIDEO_PROFILE": "studio"}, "studio"),
    ],
)
def test_which_profile_is_used(load: Load, environ: dict[str, str], profile: str) -> None:
    assert load("[profiles.studio]\nconcurrency = 1", **environ).profile == profile


PROFILES = """
concurrency = 2
[routes]
default = ["cogvideox"]
social = ["svd"]
[profiles.production]
concurrency = 20
[profiles.production.routes]
default = ["svd"]
"""


def test_a_profile_changes_what_it_names_and_keeps_the_rest(load: Load) -> None:
    assert load(PROFILES).route == ("cogvideox",)
    production = load(PROFILES, profile="production")
    assert (production.concurrency, production.route) == (20, ("svd",))
    assert production.routes == {"social": ("svd",)}


def test_a_profile_that_is_nowhere_is_an_error_that_lists_them(load: Load) -> None:
    with pytest.raises(ConfigurationError, match=r"no profile 'prod'.*development, production"):
        load(PROFILES, ANYVIDEO_PROFILE="prod")


def test_a_slip_in_a_profile_that_is_not_used_shows_at_once(load: Load) -> None:
    with pytest.raises(ConfigurationError, match=r"\[profiles.production\] concurency is not known"):
        load("[profiles.production]\nconcurency = 3")


@pytest.mark.parametrize(
    ("toml", "names"),
    [
        ("concurency = 3", ["concurency", "'concurrency'"]),
        ('[store]\nfolder = "x"', ["store.path is missing"]),
        ("concurrency = 0", ["concurrency", "at least 1"]),
        ('concurrency = "many"', ["concurrency", "number"]),
        ('policy = "fastest"', ["policy", "listed, cheapest"]),
        ('on_unknown = "retry"', ["on_unknown", "hold, resubmit"]),
        ('[routes]\ndefault = "svd"', ["routes.default", "list"]),
        ("[budget]\nlimit = 5.0", ["budget.limit", "text"]),
        ('[budget]\nlimit = "5"\nperiod = "year"', ["budget.period", "month"]),
        ("[timeouts]\nsubmit = 0.1", ["timeouts.submit"]),
        ("[timeouts]\npoll_min = 9\npoll_max = 3", ["timeouts.poll_max"]),
        ("[timeouts]\nsumbit = 30", ["timeouts.sumbit", "'submit'"]),
        ("profiles = 3", ["profiles"]),
        ("concurrency = ", ["anyvideo.toml"]),
    ],
)
def test_an_error_in_the_file_names_file_key_and_way_out(load: Load, toml: str, names: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(toml)
    assert "anyvideo.toml" in str(caught.value)
    assert all(name in str(caught.value) for name in names), str(caught.value)


@pytest.mark.parametrize("value", ["0", "-1", "eight", "2.5", "²"])
def test_a_wrong_variable_is_named(load: Load, value: str) -> None:
    with pytest.raises(ConfigurationError, match="VIDEO_GENERATOR_CONCURRENCY") as caught:
        load(VIDEO_GENERATOR_CONCURRENCY=value)
    assert caught.value.field == "VIDEO_GENERATOR_CONCURRENCY"


def test_a_longer_shortest_interval_moves_the_longest(load: Load) -> None:
    settings = load("[timeouts]\npoll_min = 45\nsubmit = 90")
    assert settings.poll_min <= settings.poll_max
    assert settings.timeouts.submit == 90


@pytest.mark.parametrize("table", ["budget", "profiles.production.budget"])
def test_a_wrong_budget_scope_is_named_with_its_file(load: Load, table: str) -> None:
    with pytest.raises(ConfigurationError, match=r"anyvideo\.toml.*'team'") as caught:
        load(f'[{table}]\nlimit = "20.00"\nscope = "team"')
    assert caught.value.field == "budget.scope"
    assert "user:alice" in (caught.value.hint or "")


def test_store_and_budget(load: Load) -> None:
    settings = load('[budget]\nlimit = "20.00"\nperiod = "day"')
    assert settings.budgets == (Budget(Decimal("20.00"), period="day"),)
    assert load('[store]\npath = "memory:"').store == "memory:"
    assert load('[store]\npath = "memory:"', ANYVIDEO_STORE="/data/jobs.db").store == "/data/jobs.db"


def test_a_dotenv_that_is_no_text_is_named_without_its_content(load: Load, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"REPLICATE_API_TOKEN=\xff\xfesecret")
    with pytest.raises(ConfigurationError) as caught:
        load()
    assert ".env" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_dotenv_values_are_taken_as_they_are(load: Load) -> None:
    settings = load("", "A=one\nB='$A-${A}'\nANYVIDEO_STORE=memory:")
    assert settings.lookup.get("B") == "$A-${A}"


def test_importing_settings_loads_no_heavy_library() -> None:
    heavy = ["pydantic", "httpx", "aiohttp", "dotenv", "anyio"]
    code = f"import anyvideo.settings, sys; print([name for name in {heavy} if name in sys.modules])"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ
    )
    assert answer.stdout.strip() == "[]"
