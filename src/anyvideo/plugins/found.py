"""Loading one entry point, and judging what it brings."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint

import pluggy

from anyvideo.plugins.hooks import CHECKS
from anyvideo.plugins.marks import check_called, has_checks
from anyvideo.provider import ProviderPlugin
from anyvideo.types.errors import PluginError

_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_LATER = (inspect.iscoroutinefunction, inspect.isasyncgenfunction, inspect.isgeneratorfunction)
_PLAIN = "write it with a plain def"
_PLAIN_CHECK = f"{_PLAIN}: it runs in a worker thread, where it may block; asyncio.run(...) calls async code"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenPlugin:
    """A plugin that cannot be used, and why. `name` is its entry point's.

    `checks`: it would have had a say in what is bought or delivered, as far as that can be known. Nothing is
    while it cannot.
    """

    name: str
    distribution: str | None
    version: str | None
    problem: str
    checks: bool = False

    @property
    def error(self) -> PluginError:
        """What asking for it raises."""
        return PluginError(
            f"the plugin {self.name!r} is broken: {self.problem}",
            field=self.name,
            hint="mend it, uninstall it, or leave it out of plugins in anyvideo.toml (ANYVIDEO_PLUGINS)",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A provider and the distribution that it came from; None where it was given in code."""

    plugin: ProviderPlugin
    entry: str | None = None
    distribution: str | None = None
    version: str | None = None

    @property
    def origin(self) -> str:
        """Where it came from, for people."""
        return "given in code" if self.distribution is None else f"{self.distribution} {self.version}"


def load(
    manager: pluggy.PluginManager, entry: EntryPoint, known: Mapping[str, Loaded]
) -> list[Loaded] | BrokenPlugin:
    """Load an entry point into the manager; whatever goes wrong in it stays in it."""
    distribution = None if entry.dist is None else entry.dist.name
    version = None if entry.dist is None else entry.dist.version
    unique = f"{entry.name} = {entry.value} of {distribution}"
    plugin: object = None
    try:
        plugin = entry.load()
        providers = register(manager, plugin, name=unique)
        loaded = [
            Loaded(plugin=plugin, entry=entry.name, distribution=distribution, version=version)
            for plugin in providers
        ]
        check_clashes(loaded, known)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may fail in any way; it fails alone
        _forget(manager, unique)
        return BrokenPlugin(
            name=entry.name,
            distribution=distribution,
            version=version,
            problem=str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}",
            checks=_has_checks(entry, plugin),
        )
    return loaded


def register(manager: pluggy.PluginManager, plugin: object, *, name: str | None) -> list[ProviderPlugin]:
    """Put a module or object into the manager; returns its providers. Raises whatever goes wrong in it."""
    manager.register(plugin, name)
    try:
        check_called(manager, plugin)
        manager.check_pending()
        _check_plain(manager, plugin)
        hooks = [hook for hook in manager.hook.anyvideo_providers.get_hookimpls() if hook.plugin is plugin]
        providers = [provider for hook in hooks for provider in _brought(hook.function())]
    except BaseException:
        manager.unregister(plugin)
        raise
    return providers


def check(plugin: ProviderPlugin) -> None:
    """Raises PluginError for facts that contradict themselves."""
    if not _NAME.fullmatch(plugin.name):
        raise PluginError(
            f"a provider cannot be called {plugin.name!r}: use lower-case letters, digits, '-', '_'"
        )
    if plugin.catalog.provider != plugin.name:
        raise PluginError(f"the catalog of {plugin.name} says that it is {plugin.catalog.provider}'s")
    for spec in plugin.catalog.models:
        if spec.provider != plugin.name or spec.vendor != plugin.vendor:
            raise PluginError(f"the catalog of {plugin.name} has {spec.id}, billed by {spec.vendor}")


def check_clashes(loaded: Iterable[Loaded], known: Mapping[str, Loaded]) -> None:
    """Raises PluginError naming both distributions when a provider's name is taken."""
    taken = dict(known)
    for new in loaded:
        first = taken.setdefault(new.plugin.name, new)
        if first is not new:
            raise PluginError(
                f"two plugins bring a provider called {new.plugin.name!r}: {first.origin} and {new.origin}",
                field=new.plugin.name,
                hint="uninstall one of them",
            )


def called(hook: pluggy.HookImpl) -> str:
    """A hook's name for people: where its function is written."""
    return f"{hook.function.__module__}.{hook.function.__qualname__}"


def _check_plain(manager: pluggy.PluginManager, plugin: object) -> None:
    """Raises PluginError for a hook whose call does nothing yet: its answer would never be known."""
    for caller in manager.get_hookcallers(plugin) or ():
        for hook in caller.get_hookimpls():
            if hook.plugin is plugin and any(kind(hook.function) for kind in _LATER):
                raise PluginError(
                    f"{called(hook)} is async or a generator, and a hook is called without waiting for it",
                    field=caller.name,
                    hint=_PLAIN_CHECK if caller.name in CHECKS else _PLAIN,
                )


def _has_checks(entry: EntryPoint, plugin: object) -> bool:
    """Whether a broken plugin would have checked. Where only its module is there, that and its classes tell;
    of one that cannot be imported nothing is known.
    """
    if plugin is not None:
        return has_checks(plugin)
    module = sys.modules.get(entry.value.partition(":")[0].strip())
    if module is None:
        return False
    own = [
        one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__
    ]
    return any(has_checks(one) for one in (module, *own))


def _brought(providers: object) -> list[ProviderPlugin]:
    if not isinstance(providers, list) or not all(isinstance(one, ProviderPlugin) for one in providers):
        raise PluginError("anyvideo_providers must return a list of ProviderPlugin")
    for provider in providers:
        check(provider)
    return providers


def _forget(manager: pluggy.PluginManager, name: str) -> None:
    plugin = manager.get_plugin(name)
    if plugin is not None:
        manager.unregister(plugin)
