"""Reading the settings: the environment beats `.env`, `.env` beats `anyvideo.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from anyvideo.net.storage import StorageAccess
from anyvideo.net.wire import Timeouts
from anyvideo.settings.checks import check_base_url
from anyvideo.settings.declared import Declared, read_declared
from anyvideo.settings.sources import Lookup, find_sources
from anyvideo.settings.values import DEFAULT_ROUTE, RouteOrigin, Settings, Windows
from anyvideo.types.errors import ConfigurationError

USUAL_PROFILE = "development"
PROFILE_OF_ENVIRONMENT = {"production": "production", "staging": "production", "development": "development"}


def load_settings(
    *,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
    profile: str | None = None,
) -> Settings:
    """The settings for a folder (default: the current one). Raises ConfigurationError naming the key."""
    lookup, document = find_sources(environ, folder)
    chosen = profile or _chosen_profile(lookup)
    profile = chosen or USUAL_PROFILE
    declared = read_declared(document, profile, built_in=chosen is not None)
    route, origin = _route(lookup, declared)
    usual = Settings(profile=profile, store="memory:")
    least = usual.poll_min if declared.poll_min is None else declared.poll_min
    return Settings(
        profile=profile,
        store=_store(lookup, declared),
        route=route,
        route_origin=origin,
        routes={name: words for name, words in declared.routes.items() if name != "default"},
        policy=declared.policy or declared.defaults.policy or usual.policy,
        plugins=lookup.words("ANYVIDEO_PLUGINS") or declared.plugins,
        output=declared.output,
        template=declared.template,
        concurrency=_concurrency(lookup) or declared.concurrency or usual.concurrency,
        downloads=declared.downloads or usual.downloads,
        timeouts=Timeouts(**declared.timeouts),
        poll_min=least if declared.poll_max is None else min(least, declared.poll_max),
        poll_max=max(least, usual.poll_max) if declared.poll_max is None else declared.poll_max,
        budgets=declared.budgets,
        max_duplicate_micros=declared.max_duplicate_micros,
        windows=Windows(**declared.windows),
        callback=declared.callback,
        on_unknown=declared.on_unknown or usual.on_unknown,
        catalogs=declared.catalogs,
        image_transfer=declared.image_transfer or usual.image_transfer,
        image_fallback=declared.image_fallback or usual.image_fallback,
        storage=_storage(lookup, declared),
        defaults=declared.defaults,
        lookup=lookup,
    )


def _chosen_profile(lookup: Lookup) -> str | None:
    named = lookup.get("ANYVIDEO_PROFILE")
    return named or PROFILE_OF_ENVIRONMENT.get((lookup.get("ENVIRONMENT") or "").lower())


def _route(lookup: Lookup, declared: Declared) -> tuple[tuple[str, ...], RouteOrigin]:
    models = lookup.words("ANYVIDEO_MODELS")
    if models:
        return models, "ANYVIDEO_MODELS"
    provider = lookup.get("VIDEO_PROVIDER")
    if provider is not None:
        return (f"{provider}/*",), "VIDEO_PROVIDER"
    if "default" in declared.routes:
        return declared.routes["default"], "anyvideo.toml"
    return DEFAULT_ROUTE, "default"


def _store(lookup: Lookup, declared: Declared) -> str:
    chosen = lookup.get("ANYVIDEO_STORE") or declared.store
    if chosen is not None:
        return chosen if chosen == "memory:" else str(Path(chosen).expanduser())
    from platformdirs import user_data_path

    return str(user_data_path("anyvideo") / "jobs.db")


def _storage(lookup: Lookup, declared: Declared) -> StorageAccess:
    """The user's own storage: places from variables, then from the file; keys from variables alone."""
    s3 = {
        "access_key_id": lookup.get("AWS_ACCESS_KEY_ID"),
        "secret_access_key": lookup.get("AWS_SECRET_ACCESS_KEY"),
        "session_token": lookup.get("AWS_SESSION_TOKEN"),
        "region": lookup.get("AWS_REGION", "AWS_DEFAULT_REGION") or declared.storage.get("s3_region"),
        "endpoint": lookup.get("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
        or declared.storage.get("s3_endpoint"),
    }
    url = lookup.get("SUPABASE_URL") or declared.storage.get("supabase_url")
    return StorageAccess(
        s3={name: value for name, value in s3.items() if value is not None},
        supabase_url=None if url is None else check_base_url(url, "SUPABASE_URL"),
        supabase_key=lookup.get("SUPABASE_SERVICE_KEY", "SUPABASE_SERVICE_ROLE_KEY"),
    )


def _concurrency(lookup: Lookup) -> int | None:
    found = lookup.find("ANYVIDEO_CONCURRENCY", "VIDEO_GENERATOR_CONCURRENCY")
    if found is None:
        return None
    name, value = found
    if not (value.isascii() and value.isdigit() and int(value) >= 1):
        raise ConfigurationError(
            f"{name} must be a whole number of at least 1, not {value!r}",
            field=name,
            hint="it says how many jobs are driven at once",
        )
    return int(value)
