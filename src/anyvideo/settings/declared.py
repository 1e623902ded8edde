"""What an `anyvideo.toml` may say, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_args

from anyvideo.catalog.table import Table
from anyvideo.settings.profiles import BUILT_IN, Defaults, read_defaults
from anyvideo.settings.sources import FILE, Document
from anyvideo.types.budget import PERIODS, Budget, Period
from anyvideo.types.errors import ConfigurationError
from anyvideo.types.money import hold_micros

Policy = Literal["listed", "cheapest"]
OnUnknown = Literal["hold", "resubmit"]
ImageTransfer = Literal["auto", "upload", "url"]
ImageFallback = Literal["error", "text"]
PROFILES = frozenset(BUILT_IN)
"""Profiles that need no table of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """The checked values of one profile. None: not said. Times in seconds."""

    routes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    policy: Policy | None = None
    plugins: tuple[str, ...] | None = None
    concurrency: int | None = None
    on_unknown: OnUnknown | None = None
    store: str | None = None
    output: Path | None = None
    template: str | None = None
    budgets: tuple[Budget, ...] = ()
    max_duplicate_micros: int | None = None
    windows: Mapping[str, float] = field(default_factory=dict)
    timeouts: Mapping[str, float] = field(default_factory=dict)
    poll_min: float | None = None
    poll_max: float | None = None
    catalogs: Mapping[str, Path] = field(default_factory=dict)
    prompts: Mapping[str, str] = field(default_factory=dict)
    defaults: Defaults = field(default_factory=Defaults)
    image_transfer: ImageTransfer | None = None
    image_fallback: ImageFallback | None = None
    storage: Mapping[str, str] = field(default_factory=dict)


def read_declared(document: Document, profile: str, *, built_in: bool = False) -> Declared:
    """The values of a profile: its own over the common ones, and those over its `built_in` defaults.

    Every profile of the file is checked.

    Raises ConfigurationError naming the key.
    """
    common = {key: value for key, value in document.values.items() if key != "profiles"}
    profiles = document.values.get("profiles", {})
    origin = f"{document.path or FILE}:"
    if not isinstance(profiles, Mapping) or not all(isinstance(part, Mapping) for part in profiles.values()):
        raise ConfigurationError(f"{origin} profiles must hold one table for each profile", field="profiles")
    if profile not in PROFILES and profile not in profiles:
        known = ", ".join(sorted(PROFILES | set(profiles)))
        raise ConfigurationError(
            f"there is no profile {profile!r}",
            field="profile",
            hint=f"add [profiles.{profile}], or use: {known}",
        )
    for name, part in profiles.items():
        _read(Table(_merged(common, part), origin=f"{origin} [profiles.{name}]"), document.folder)
    base = {"defaults": BUILT_IN[profile]} if built_in and profile in BUILT_IN else {}
    values = _merged(_merged(base, common), profiles.get(profile, {}))
    return _read(Table(values, origin=origin), document.folder)


def _merged(common: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Tables are merged key by key, everything else is replaced."""
    merged = dict(common)
    for key, value in over.items():
        before = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(before, Mapping)
        merged[key] = _merged(before, value) if both else value  # type: ignore[arg-type]
    return merged


def _read(t: Table, folder: Path) -> Declared:
    routes = t.table("routes").lists() if t.has("routes") else {}
    catalogs = t.words("catalogs") if t.has("catalogs") else {}
    declared = Declared(
        routes=routes,
        policy=cast(Policy, t.choice("policy", get_args(Policy))) if t.has("policy") else None,
        plugins=t.texts("plugins") if t.has("plugins") else None,
        concurrency=t.whole("concurrency") if t.has("concurrency") else None,
        on_unknown=cast(OnUnknown, t.choice("on_unknown", get_args(OnUnknown)))
        if t.has("on_unknown")
        else None,
        store=_store(t.table("store"), folder) if t.has("store") else None,
        **(_output(t.table("output"), folder) if t.has("output") else {}),
        max_duplicate_micros=hold_micros(t.amount("max_duplicate_cost"))
        if t.has("max_duplicate_cost")
        else None,
        budgets=(_budget(t.table("budget")),) if t.has("budget") else (),
        windows=_windows(t.table("recovery")) if t.has("recovery") else {},
        catalogs={name: _path(path, folder) for name, path in catalogs.items()},
        prompts=t.words("prompts") if t.has("prompts") else {},
        defaults=read_defaults(t.table("defaults")) if t.has("defaults") else Defaults(),
        image_transfer=cast(ImageTransfer, t.choice("image_transfer", get_args(ImageTransfer)))
        if t.has("image_transfer")
        else None,
        image_fallback=cast(ImageFallback, t.choice("image_fallback", get_args(ImageFallback)))
        if t.has("image_fallback")
        else None,
        storage=_storage(t.table("storage")) if t.has("storage") else {},
        **_times(t.table("timeouts") if t.has("timeouts") else None),
    )
    t.done()
    return declared


def _store(t: Table, folder: Path) -> str:
    path = t.text("path")
    t.done()
    return path if path == "memory:" else str(_path(path, folder))


def _storage(t: Table) -> dict[str, str]:
    """Where private pictures lie. The keys to them come from variables only, never from this file."""
    places = {name: t.text(name) for name in ("s3_endpoint", "s3_region", "supabase_url") if t.has(name)}
    t.done()
    return places


def _output(t: Table, folder: Path) -> dict[str, Any]:
    path = _path(t.text("folder"), folder) if t.has("folder") else None
    template = t.text("template") if t.has("template") else None
    t.done()
    return {"output": path, "template": template}


def _budget(t: Table) -> Budget:
    period = cast(Period, t.choice("period", PERIODS)) if t.has("period") else "total"
    limit, scope = t.amount("limit"), t.text("scope") if t.has("scope") else "project"
    t.done()
    return Budget(limit, period=period, scope=scope)


def _windows(t: Table) -> dict[str, float]:
    windows = {name: t.number(name, least=1) for name in ("quiet", "skew", "look", "lease") if t.has(name)}
    t.done()
    return windows


def _times(t: Table | None) -> dict[str, Any]:
    if t is None:
        return {}
    names = ("connect", "submit", "free", "outputs")
    least, most = (t.number(key, least=0.1) if t.has(key) else None for key in ("poll_min", "poll_max"))
    if least is not None and most is not None and most < least:
        t.fail("poll_max", f"must be at least poll_min of {least:g}, not {most:g}")
    timeouts = {name: t.number(name, least=1) for name in names if t.has(name)}
    t.done()
    return {"timeouts": timeouts, "poll_min": least, "poll_max": most}


def _path(text: str, folder: Path) -> Path:
    """Relative paths start from the file's own folder."""
    return folder / Path(text).expanduser()
