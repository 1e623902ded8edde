"""The only reader of the environment, `.env` and `anyvideo.toml`: keys, routes, profiles, store, budget."""

from anyvideo.settings.load import load_settings
from anyvideo.settings.overrides import overridden
from anyvideo.settings.values import DEFAULT_ROUTE, KeySource, Settings, Windows

__all__ = ["DEFAULT_ROUTE", "KeySource", "Settings", "Windows", "load_settings", "overridden"]
