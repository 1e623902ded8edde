"""What an `anyvideo.toml` may say: tables of keys, and a file checked against them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from anyvideo.catalog.table import Table
from anyvideo.settings.checks import check_callback
from anyvideo.settings.profiles import BUILT_IN, Defaults, read_defaults
from anyvideo.settings.sources import FILE, Document
from anyvideo.types.budget import PERIODS, Budget
from anyvideo.types.errors import ConfigurationError, InvalidRequest
from anyvideo.types.money import hold_micros

Policy = Literal["listed", "cheapest"]
OnUnknown = Literal["hold", "resubmit"]
ImageTransfer = Literal["auto", "upload", "url"]
ImageFallback = Literal["error", "text"]
PROFILES = frozenset(BUILT_IN)
"""Profiles that need no table of their own."""


@dataclass(frozen=True, slots=True)
class Key:
    """How a key is read, and for people what it takes and does. A `needed` one must stand in its table."""

    read: Callable[[Table, str], Any]
    takes: str
    does: str
    needed: bool = False


def _seconds(least: float, does: str) -> Key:
    return Key(lambda t, key: t.number(key, least=least), f"seconds, at least {least:g}", does)


def _one_of(words: Sequence[str], does: str) -> Key:
    return Key(lambda t, key: t.choice(key, words), " or ".join(f'`"{word}"`' for word in words), does)


def _scope(t: Table, key: str) -> str:
    scope = t.text(key)
    try:
        Budget(0, scope=scope)
    except InvalidRequest as error:
        t.fail(key, f"is not understood: {error.message}", error.hint)
    return scope


KEYS: Mapping[str, Key] = {
    "routes": Key(lambda t, key: t.table(key).lists(), "table of lists", "models by name; see below"),
    "policy": _one_of(get_args(Policy), "in the order of the route, or the cheapest first"),
    "plugins": Key(Table.texts, "list of texts", "the only plugins to load, by their entry points' names"),
    "catalogs": Key(Table.words, "table of files", "your own facts and prices, by provider; see below"),
    "concurrency": Key(Table.whole, "whole number", "jobs that a client sends or polls at once"),
    "downloads": Key(
        Table.whole, "whole number", "clips that it brings home at once, the first to expire first"
    ),
    "on_unknown": _one_of(get_args(OnUnknown), "whether a purchase of unknown fate may be made again"),
    "max_duplicate_cost": Key(
        Table.amount, "dollars as text", "the most that `resubmit` may pay twice a job"
    ),
    "image_transfer": _one_of(get_args(ImageTransfer), "how pictures reach the vendor"),
    "image_fallback": _one_of(get_args(ImageFallback), "what follows a picture that cannot be read"),
}
"""What stands at the top of the file, or of a profile's table."""

TABLES: Mapping[str, Mapping[str, Key]] = {
    "store": {
        "path": Key(Table.text, "path or `memory:`", "where jobs, money and clips are kept", needed=True)
    },
    "output": {
        "folder": Key(Table.text, "path", "where clips are saved"),
        "template": Key(Table.text, "text", "names each clip below that folder"),
    },
    "budget": {
        "limit": Key(Table.amount, "dollars as text", "the most that may be held and spent", needed=True),
        "period": _one_of(PERIODS, "since when it counts, in UTC"),
        "scope": Key(_scope, "`project`, `user`, `job` or `call`", "whose it is; `user:ann` names one"),
    },
    "recovery": {
        "quiet": _seconds(1, "a lost submit that no list shows for so long was never taken"),
        "skew": _seconds(1, "how far the vendor's clock may be off"),
        "look": _seconds(1, "between two looks at the vendor's list"),
        "lease": _seconds(1, "how long a process that fell silent keeps its job from others"),
        "callback": Key(
            Table.text,
            "https address",
            "of yours, answering 200 to any POST: sent with a random tag to vendors whose lists echo it,"
            " so that a lost submit is surely told from an equal one",
        ),
    },
    "timeouts": {
        "connect": _seconds(1, "for a connection"),
        "submit": _seconds(1, "silence after a submit; then its fate is unknown"),
        "free": _seconds(1, "silence after any other call"),
        "outputs": _seconds(1, "silence while a clip is fetched"),
        "poll_min": _seconds(0.1, "the shortest time between two polls of a job"),
        "poll_max": _seconds(0.1, "the longest"),
    },
    "storage": {
        "s3_endpoint": Key(Table.text, "address", "of your S3 storage, where it is not AWS"),
        "s3_region": Key(Table.text, "text", "its region"),
        "supabase_url": Key(Table.text, "https address", "of your Supabase project"),
    },
}
"""What stands in tables. Keys to a storage come from variables only, never from this file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """The checked values of one profile. None: not said. Times in seconds."""

    routes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    policy: Policy | None = None
    plugins: tuple[str, ...] | None = None
    concurrency: int | None = None
    downloads: int | None = None
    on_unknown: OnUnknown | None = None
    store: str | None = None
    output: Path | None = None
    template: str | None = None
    budgets: tuple[Budget, ...] = ()
    max_duplicate_micros: int | None = None
    callback: str | None = None
    windows: Mapping[str, float] = field(default_factory=dict)
    timeouts: Mapping[str, float] = field(default_factory=dict)
    poll_min: float | None = None
    poll_max: float | None = None
    catalogs: Mapping[str, Path] = field(default_factory=dict)
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
    inner = {name: _said(t.table(name), keys) if t.has(name) else {} for name, keys in TABLES.items()}
    defaults = read_defaults(t.table("defaults")) if t.has("defaults") else Defaults()
    said = _said(t, KEYS)
    store, output, budget, times = (inner[name] for name in ("store", "output", "budget", "timeouts"))
    callback = inner["recovery"].pop("callback", None)
    least, most = times.pop("poll_min", None), times.pop("poll_max", None)
    if least is not None and most is not None and most < least:
        t.table("timeouts").fail("poll_max", f"must be at least poll_min of {least:g}, not {most:g}")
    cap = said.pop("max_duplicate_cost", None)
    catalogs = said.pop("catalogs", {})
    return Declared(
        **said,
        max_duplicate_micros=None if cap is None else hold_micros(cap),
        catalogs={name: _path(path, folder) for name, path in catalogs.items()},
        store=_store(store["path"], folder) if store else None,
        output=_path(output["folder"], folder) if "folder" in output else None,
        template=output.get("template"),
        budgets=(Budget(**budget),) if budget else (),
        windows=inner["recovery"],
        callback=None if callback is None else check_callback(callback),
        timeouts=times,
        poll_min=least,
        poll_max=most,
        storage=inner["storage"],
        defaults=defaults,
    )


def _said(t: Table, keys: Mapping[str, Key]) -> dict[str, Any]:
    """The checked values of one table. Raises ConfigurationError, also for a key that is not known."""
    said = {name: key.read(t, name) for name, key in keys.items() if t.has(name) or key.needed}
    t.done()
    return said


def _store(path: str, folder: Path) -> str:
    return path if path == "memory:" else str(_path(path, folder))


def _path(text: str, folder: Path) -> Path:
    """Relative paths start from the file's own folder."""
    return folder / Path(text).expanduser()
