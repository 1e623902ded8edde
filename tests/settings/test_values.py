from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anyvideo import ConfigurationError, MissingKey, Settings
from anyvideo.provider import ProviderPlugin
from anyvideo.settings import overridden

Load = Callable[..., Settings]
Installed = dict[str, ProviderPlugin]
SECRET = "r8_invented_for_a_test_0001"
HASH = "c0ffee" * 10 + "0123"


def shown(settings: Settings, plugin: ProviderPlugin) -> str | None:
    key = settings.key(plugin)
    return None if key is None else key.get_secret_value()


def test_a_key_comes_from_the_vendors_variables_in_their_order(load: Load, installed: Installed) -> None:
    luma = installed["luma"]
    assert shown(load(), luma) is None
    assert shown(load(LUMA_API_KEY="second"), luma) == "second"
    assert shown(load(LUMA_API_KEY="second", LUMAAI_API_KEY="first"), luma) == "first"
    assert shown(load("", "LUMAAI_API_KEY=file", LUMA_API_KEY="real"), luma) == "real"


def test_a_key_given_in_code_beats_every_variable(load: Load, installed: Installed) -> None:
    settings = load(REPLICATE_API_TOKEN="variable")
    replicate = installed["replicate"]
    assert shown(settings.with_keys({"replicate": "text"}), replicate) == "text"
    assert shown(settings.with_keys({"replicate": lambda: "vault"}), replicate) == "vault"
    assert shown(settings, replicate) == "variable"
    override = settings.key(replicate, "here")
    assert override is not None
    assert override.get_secret_value() == "here"


def test_a_key_never_shows(load: Load, installed: Installed) -> None:
    settings = load("", f"LUMAAI_API_KEY={SECRET}", REPLICATE_API_TOKEN=SECRET).with_keys({"runway": SECRET})
    texts = [repr(settings), str(settings), repr(settings.lookup)]
    texts += [repr(settings.key(plugin)) for plugin in installed.values()]
    assert not [text for text in texts if SECRET in text]


@pytest.mark.parametrize(
    "broken", [f"{SECRET} {SECRET}", f"{SECRET}\n{SECRET}", f"{SECRET}\x00", f"{SECRET}é"]
)
def test_a_key_that_cannot_be_one_is_named_and_not_repeated(
    load: Load, installed: Installed, broken: str
) -> None:
    with pytest.raises(ConfigurationError, match="REPLICATE_API_TOKEN") as caught:
        load(REPLICATE_API_TOKEN=broken).key(installed["replicate"])
    assert SECRET not in str(caught.value)


def test_blanks_around_a_key_are_forgiven(load: Load, installed: Installed) -> None:
    assert shown(load(REPLICATE_API_TOKEN=f" {SECRET}\n"), installed["replicate"]) == SECRET


def test_a_vault_that_fails_is_named_without_what_it_said(load: Load, installed: Installed) -> None:
    def vault() -> str:
        raise RuntimeError(f"denied for {SECRET}")

    with pytest.raises(MissingKey, match=r"runway.*RuntimeError") as caught:
        load().with_keys({"runway": vault}).key(installed["runway"])
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("nothing", ["", "  ", None])
def test_a_vault_without_the_key_is_an_error(load: Load, installed: Installed, nothing: Any) -> None:
    with pytest.raises(MissingKey, match="runway"):
        load().with_keys({"runway": lambda: nothing}).key(installed["runway"])


def test_what_is_missing_says_what_to_set(load: Load, installed: Installed) -> None:
    settings = load()
    assert settings.missing(installed["replicate"]) == "set REPLICATE_API_TOKEN"
    assert settings.missing(installed["luma"]) == "set LUMAAI_API_KEY or LUMA_API_KEY"
    assert settings.missing(installed["local"]) is None
    assert load(REPLICATE_API_TOKEN=SECRET).missing(installed["replicate"]) is None


def test_asking_what_is_missing_calls_no_vault(load: Load, installed: Installed) -> None:
    calls: list[int] = []
    settings = load().with_keys({"runway": lambda: str(calls.append(1))})
    assert settings.missing(installed["runway"]) is None
    assert not calls


def test_a_wrong_base_url_makes_one_provider_unready_and_no_other(load: Load, installed: Installed) -> None:
    settings = load(
        REPLICATE_API_TOKEN=SECRET, RUNWAYML_API_SECRET=SECRET, REPLICATE_BASE_URL="http://replicate.example"
    )
    assert "REPLICATE_BASE_URL must be https" in (settings.missing(installed["replicate"]) or "")
    assert settings.missing(installed["runway"]) is None


@pytest.mark.parametrize(
    "address",
    [
        "https://proxy.example/replicate/",
        "http://127.0.0.1:8123",
        "http://localhost:8123/v1",
        "http://[::1]:8123",
    ],
)
def test_a_base_url_may_be_https_or_on_this_machine(load: Load, installed: Installed, address: str) -> None:
    settings = load(REPLICATE_BASE_URL=address)
    assert settings.base_url(installed["replicate"]) == address.rstrip("/")


@pytest.mark.parametrize(
    "address",
    [
        "http://proxy.example",
        "http://127.0.0.1.example",
        "http://localhost.example",
        "http://2130706433",
        "ftp://127.0.0.1",
        "https://",
        "proxy.example",
        f"https://{SECRET}@proxy.example",
        f"https://proxy.example/?key={SECRET}",
        "https://proxy.example/#x",
        "https://proxy.example:port",
        "https://[::1",
    ],
)
def test_any_other_base_url_is_refused_by_name(load: Load, installed: Installed, address: str) -> None:
    with pytest.raises(ConfigurationError, match="REPLICATE_BASE_URL") as caught:
        load(REPLICATE_BASE_URL=address).base_url(installed["replicate"])
    assert caught.value.hint
    assert SECRET not in str(caught.value)


def test_the_default_base_url_is_the_vendors_own(load: Load, installed: Installed) -> None:
    for plugin in installed.values():
        assert load().base_url(plugin) == plugin.default_base_url


@pytest.mark.parametrize(
    ("environ", "route"),
    [
        ({"ANYVIDEO_MODELS": "luma/ray-2, svd ,"}, ("luma/ray-2", "svd")),
        ({"VIDEO_PROVIDER": "luma"}, ("luma/*",)),
        ({"VIDEO_PROVIDER": "luma", "ANYVIDEO_MODELS": "svd"}, ("svd",)),
        ({"REPLICATE_MODEL": "thudm/cogvideox-t2v"}, ("replicate/cogvideox-t2v",)),
        (
            {"VIDEO_PROVIDER": "replicate", "REPLICATE_MODEL": "bytedance/seedance-1-lite"},
            ("replicate/seedance-1-lite",),
        ),
        ({"VIDEO_PROVIDER": "luma", "REPLICATE_MODEL": "thudm/cogvideox-t2v"}, ("luma/*",)),
        ({"ANYVIDEO_MODELS": "svd", "REPLICATE_MODEL": "nobody/nothing"}, ("svd",)),
        ({}, ("cogvideox",)),
    ],
)
def test_which_models_a_request_without_models_uses(
    load: Load, installed: Installed, environ: dict[str, str], route: tuple[str, ...]
) -> None:
    settings = load('[routes]\ndefault = ["cogvideox"]', **environ).for_plugins(tuple(installed.values()))
    assert settings.route == route


def test_an_older_variable_with_a_version_pins_that_model(load: Load, installed: Installed) -> None:
    plugins = tuple(installed.values())
    settings = load(REPLICATE_MODEL=f"thudm/cogvideox-t2v:{HASH}").for_plugins(plugins)
    specs = {spec.id: spec for spec in overridden(installed["replicate"].catalog.models, settings)}
    assert specs["replicate/cogvideox-t2v"].version == HASH
    assert specs["replicate/cogvideox-i2v"].version != HASH


def test_a_model_that_the_catalog_does_not_have_is_refused_with_those_it_has(
    load: Load, installed: Installed
) -> None:
    with pytest.raises(
        ConfigurationError, match=r"REPLICATE_MODEL names 'nobody/nothing'.*thudm/cogvideox-t2v"
    ):
        load(REPLICATE_MODEL="nobody/nothing").for_plugins(tuple(installed.values()))


@pytest.mark.parametrize(
    ("value", "slug", "version"),
    [
        (HASH, "stability-ai/stable-video-diffusion", HASH),
        ("latest", "stability-ai/stable-video-diffusion", "latest"),
        ("christophy/stable-video-diffusion", "christophy/stable-video-diffusion", "latest"),
        (f"someone/svd:{HASH}", "someone/svd", HASH),
    ],
)
def test_a_models_own_variable_changes_exactly_that_model(
    load: Load, installed: Installed, value: str, slug: str, version: str
) -> None:
    before = installed["replicate"].catalog.models
    after = overridden(before, load(SVD_MODEL_VERSION=value))
    changed = [(new.id, new.slug, new.version) for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [("replicate/stable-video-diffusion", slug, version)]


@pytest.mark.parametrize("value", ["3f0457e4", "newest", "a/b:c", "a/b/c", HASH.upper(), f"{HASH}0"])
def test_a_version_that_cannot_be_one_is_refused_by_name(
    load: Load, installed: Installed, value: str
) -> None:
    with pytest.raises(ConfigurationError, match="SVD_MODEL_VERSION") as caught:
        overridden(installed["replicate"].catalog.models, load(SVD_MODEL_VERSION=value))
    assert "64 hexadecimal digits" in str(caught.value)


def test_a_users_own_catalog_changes_a_price(load: Load, installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text(
        '[[model]]\nid = "ray-2"\n[[model.price]]\nper = "video"\namount = "0.50"\n'
        'checked = 2026-11-20\nsource = "our contract"\n'
    )
    settings = load('[catalogs]\nluma = "prices.toml"\nabsent = "nowhere.toml"')
    specs = {spec.id: spec for spec in overridden(installed["luma"].catalog.models, settings)}
    assert [price.source for price in specs["luma/ray-2"].prices] == ["our contract"]
    assert specs["luma/ray-flash-2"] == installed["luma"].catalog.models[0]


def test_a_catalog_file_that_is_not_there_is_named(load: Load, installed: Installed) -> None:
    with pytest.raises(ConfigurationError, match=r"catalogs\.luma.*nowhere\.toml"):
        overridden(installed["luma"].catalog.models, load('[catalogs]\nluma = "nowhere.toml"'))
