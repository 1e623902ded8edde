"""The generated parts of the page on settings: keys, profiles and the variables of the plugins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from _markdown import table

from anyvideo.provider import ProviderPlugin
from anyvideo.settings import Settings
from anyvideo.settings.declared import KEYS, TABLES, Key
from anyvideo.settings.profiles import BUILT_IN
from anyvideo.types.budget import Budget

ELSEWHERE = {
    "store.path": "`jobs.db` in your data folder",
    "output.folder": "the current folder",
    "output.template": "no second name",
}
"""Defaults that are no plain value of the settings."""

WISHES = {
    "size": ("`WIDTHxHEIGHT`", "the picture, as aspect ratio and resolution"),
    "fps": ("frames a second", "the frame rate"),
    "max_duration": ("seconds, at least 1", "the longest clip, also where a call asks for more"),
    "concurrency": ("whole number", "clips of a batch at once"),
    "steps": ("1 to 1000", "how often a model refines the picture"),
    "motion": ("1 to 255", "how much moves"),
    "policy": ('`"listed"` or `"cheapest"`', "the order of the models, where `policy` does not say"),
    "budget": ("dollars as text", "the most that a batch may cost"),
}
"""What a key of `[defaults]` takes and does."""


def keys() -> str:
    """Every key of the file."""
    rows = [*_rows("", KEYS), *(row for name, inner in TABLES.items() for row in _rows(f"{name}.", inner))]
    return table(("key", "takes", "default", "what it is"), rows)


def _rows(place: str, named: Mapping[str, Key]) -> Iterator[tuple[str, str, str, str]]:
    for name, key in named.items():
        yield f"`{place}{name}`", key.takes, _default(place, name, key), key.does


def _default(place: str, name: str, key: Key) -> str:
    usual = Settings(profile="", store="")
    owners = {"recovery.": usual.windows, "timeouts.": usual.timeouts, "budget.": Budget("0")}
    if key.needed:
        return ELSEWHERE.get(place + name, "must be given")
    value = getattr(owners.get(place, usual), name, getattr(usual, name, None))
    if isinstance(value, str | int | float):
        return f'`"{value}"`' if isinstance(value, str) else f"`{value:g}`"
    return ELSEWHERE.get(place + name, "-")


def profiles() -> str:
    """What the built-in profiles wish for."""
    names = {key: None for values in BUILT_IN.values() for key in values}
    rows = [
        (f"`{key}`", WISHES[key][0], *(values.get(key, "-") for values in BUILT_IN.values()), WISHES[key][1])
        for key in names
    ]
    return table(("key of `[defaults]`", "takes", *(f"`{name}`" for name in BUILT_IN), "what it is"), rows)


def variables(found: Sequence[ProviderPlugin]) -> str:
    """What each installed provider reads from the environment."""
    rows = [
        (
            plugin.name,
            _names(plugin.key_variables),
            _names([plugin.base_url_variable]),
            _names([plugin.model_variable, *(spec.version_variable for spec in plugin.catalog.models)]),
        )
        for plugin in found
        if plugin.needs_key
    ]
    return table(("provider", "key", "another base URL", "older names"), rows)


def _names(variables: Sequence[str | None]) -> str:
    return ", ".join(f"`{name}`" for name in variables if name) or "-"
