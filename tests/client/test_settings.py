"""Settings that only a client can judge, because it knows the plugins."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyvideo import Client, ConfigurationError, Plugins, load_settings


def client(folder: Path, toml: str, plugins: Plugins | None = None, **environ: str) -> Client:
    (folder / "anyvideo.toml").write_text(toml)
    settings = load_settings(environ=environ, folder=folder)
    return Client(store="memory:", settings=settings, plugins=plugins)


def test_a_catalog_for_a_provider_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"catalogs\.lumma") as caught:
        client(tmp_path, '[catalogs]\nlumma = "mine.toml"\n')
    assert caught.value.field == "catalogs.lumma"
    assert "'luma'" in (caught.value.hint or "")


def test_a_catalog_for_a_plugin_that_may_not_be_loaded_now_waits(tmp_path: Path) -> None:
    with client(tmp_path, '[catalogs]\nluma = "mine.toml"\n', ANYVIDEO_PLUGINS="local") as restricted:
        assert {spec.provider for spec in restricted.models()} == {"local"}


def test_no_plugin_of_the_list_is_installed(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nosuch") as caught:
        client(tmp_path, "", ANYVIDEO_PLUGINS="nosuch")
    assert "luma" in (caught.value.hint or "")
