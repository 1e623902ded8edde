"""The settings as one frozen value."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from anyvideo.catalog.spec import ModelSpec
from anyvideo.net.storage import StorageAccess
from anyvideo.net.wire import Timeouts
from anyvideo.provider import ProviderPlugin
from anyvideo.settings.checks import check_base_url, check_key, check_version
from anyvideo.settings.profiles import Defaults
from anyvideo.settings.sources import Lookup
from anyvideo.types.budget import Budget
from anyvideo.types.errors import ConfigurationError, MissingKey

if TYPE_CHECKING:
    from pydantic import SecretStr

KeySource: TypeAlias = "str | SecretStr | Callable[[], str | SecretStr]"
"""A key given in code: the text itself, or what fetches it from a vault."""

RouteOrigin = Literal["ANYVIDEO_MODELS", "VIDEO_PROVIDER", "anyvideo.toml", "default"]

DEFAULT_ROUTE = ("svd", "cogvideox", "cheapest", "stand-in")


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Seconds. `quiet` must pass before a lost submit that no list shows counts as never taken; `skew` is how
    far the vendor's clock may be off; `look` is the time between looks at the list; `lease` is how long a
    process that died keeps its job from the others.
    """

    quiet: float = 180.0
    skew: float = 60.0
    look: float = 15.0
    lease: float = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that is set outside the call. Times in seconds; keys never show.

    `route` is what a request without `models` uses, `pins` the versions of models that the older variables
    ask for: both are final after `for_plugins`. `store` is a path or "memory:". `output` None: the current
    folder. `concurrency` jobs are driven and `downloads` clips brought home at once: more of these would only
    share one line, and expire together. `max_duplicate_micros` bounds what `on_unknown = "resubmit"` may pay
    twice. `callback` is a public address of the user's; an attempt's tag is added to it as a last part.
    `catalogs` are files over providers' models.
    """

    profile: str
    store: str
    route: tuple[str, ...] = DEFAULT_ROUTE
    route_origin: RouteOrigin = "default"
    routes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pins: Mapping[str, str] = field(default_factory=dict)
    policy: Literal["listed", "cheapest"] = "listed"
    plugins: tuple[str, ...] | None = None
    output: Path | None = None
    template: str | None = None
    concurrency: int = 8
    downloads: int = 4
    timeouts: Timeouts = field(default_factory=Timeouts)
    poll_min: float = 1.0
    poll_max: float = 30.0
    budgets: tuple[Budget, ...] = ()
    on_unknown: Literal["hold", "resubmit"] = "hold"
    max_duplicate_micros: int | None = None
    windows: Windows = field(default_factory=Windows)
    callback: str | None = None
    catalogs: Mapping[str, Path] = field(default_factory=dict)
    image_transfer: Literal["auto", "upload", "url"] = "auto"
    image_fallback: Literal["error", "text"] = "error"
    storage: StorageAccess = field(default_factory=StorageAccess)
    keys: Mapping[str, KeySource] = field(default_factory=dict, repr=False)
    defaults: Defaults = field(default_factory=Defaults)
    lookup: Lookup = field(default_factory=Lookup, repr=False)

    def with_keys(self, keys: Mapping[str, KeySource]) -> Settings:
        """The same settings with keys given in code, by provider; they beat every variable."""
        return replace(self, keys={**self.keys, **keys})

    def for_plugins(self, plugins: Sequence[ProviderPlugin]) -> Settings:
        """The same settings once it is known which variables the installed plugins understand.

        A plugin's `model_variable` holds a slug, perhaps with `:version`. Raises ConfigurationError for a
        slug that its catalog does not have.
        """
        if self.route_origin == "ANYVIDEO_MODELS":
            return self
        only = self.lookup.get("VIDEO_PROVIDER")
        route: list[str] = []
        pins: dict[str, str] = {}
        for plugin in plugins:
            found = self.lookup.find(plugin.model_variable) if plugin.model_variable else None
            if found is not None and only in (None, plugin.name):
                spec, version = _named(plugin, *found)
                route.append(spec.id)
                if version:
                    pins[spec.id] = version
        if not route:
            return self
        return replace(self, route=tuple(route), route_origin="VIDEO_PROVIDER", pins=pins)

    def check_catalogs(self, providers: Collection[str]) -> None:
        """Raises ConfigurationError for a catalog of a provider that is none of these."""
        for name in self.catalogs.keys() - set(providers):
            near = get_close_matches(name, providers, n=1)
            raise ConfigurationError(
                f"catalogs.{name} is for no installed provider",
                field=f"catalogs.{name}",
                hint=f"did you mean {near[0]!r}?" if near else f"use one of: {', '.join(sorted(providers))}",
            )

    def key(self, plugin: ProviderPlugin, override: KeySource | None = None) -> SecretStr | None:
        """The provider's key: given here, else given in code, else from its variables in their order.

        Raises ConfigurationError for one that cannot be a key, MissingKey when a callable brings none.
        """
        from pydantic import SecretStr

        given = override if override is not None else self.keys.get(plugin.name)
        if given is not None:
            return SecretStr(check_key(_fetched(given, plugin.name), f"the key given for {plugin.name}"))
        found = self.lookup.find(*plugin.key_variables)
        return None if found is None else SecretStr(check_key(found[1], found[0]))

    def missing(self, plugin: ProviderPlugin) -> str | None:
        """What to set before the provider can be used; None when it is ready. Calls no vault."""
        try:
            if plugin.name not in self.keys and plugin.needs_key and self.key(plugin) is None:
                return f"set {' or '.join(plugin.key_variables)}"
            self.base_url(plugin)
        except ConfigurationError as error:
            return str(error)
        return None

    def base_url(self, plugin: ProviderPlugin) -> str | None:
        """The address of the vendor's API without a slash at its end; None for a provider without one.

        Raises ConfigurationError unless it is https, or http on this machine.
        """
        found = self.lookup.find(plugin.base_url_variable) if plugin.base_url_variable else None
        if found is None:
            return plugin.default_base_url
        return check_base_url(found[1], found[0])

    def version_override(self, spec: ModelSpec) -> str | None:
        """The version that the model's own variable asks for. Raises ConfigurationError for none such."""
        found = self.lookup.find(spec.version_variable) if spec.version_variable else None
        return None if found is None else check_version(found[1], found[0])


def _named(plugin: ProviderPlugin, variable: str, value: str) -> tuple[ModelSpec, str | None]:
    """The spec that an older variable names, and the version in it."""
    slug, _, version = value.partition(":")
    for spec in plugin.catalog.models:
        if slug in (spec.slug, spec.name, spec.id):
            return spec, check_version(version, variable) if version else None
    known = ", ".join(spec.slug for spec in plugin.catalog.models)
    raise ConfigurationError(
        f"{variable} names {slug!r}, which is no model of {plugin.name}",
        field=variable,
        hint=f"use one of: {known}",
    )


def _fetched(given: KeySource, provider: str) -> str:
    """The text of a key. What a failing vault says is not repeated: it may hold the key."""
    value = given
    if callable(value):
        try:
            value = value()
        except Exception as error:
            raise MissingKey(
                f"the callable for the key of {provider} failed with {type(error).__name__}", field="keys"
            ) from error
    reveal = getattr(value, "get_secret_value", None)
    text = value if reveal is None else reveal()
    if not isinstance(text, str) or not text.strip():
        raise MissingKey(f"the key given for {provider} is empty or no text", field="keys")
    return text
