from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from anyvideo import Plugins, Settings, load_settings
from anyvideo.provider import ProviderPlugin


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Settings]:
    """Settings from texts: `toml` and `dotenv` become files, the rest is the real environment."""

    def from_texts(toml: str = "", dotenv: str = "", profile: str | None = None, **environ: str) -> Settings:
        if toml:
            (tmp_path / "anyvideo.toml").write_text(toml, encoding="utf-8")
        if dotenv:
            (tmp_path / ".env").write_text(dotenv, encoding="utf-8")
        return load_settings(environ=environ, folder=tmp_path, profile=profile)

    return from_texts


@pytest.fixture
def installed() -> dict[str, ProviderPlugin]:
    return {plugin.name: plugin for plugin in Plugins.discover().all}
