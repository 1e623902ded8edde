"""The providers that one client has opened, in that client's loop."""

from __future__ import annotations

import hashlib
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import anyio

from anyvideo.catalog.spec import ModelSpec
from anyvideo.net.clients import open_context
from anyvideo.net.storage import StorageAccess
from anyvideo.plugins import Plugins
from anyvideo.provider import ProviderContext, ProviderPlugin, VideoProvider
from anyvideo.settings import Settings, overridden
from anyvideo.types.clock import Clock
from anyvideo.types.errors import AnyVideoError, MissingKey, PluginError, StoreError
from anyvideo.types.job import Account

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import SecretStr


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One opened provider."""

    plugin: ProviderPlugin
    provider: VideoProvider
    context: ProviderContext
    storage: StorageAccess = field(default_factory=StorageAccess)
    callback: str | None = None

    def callback_url(self, tag: str) -> str | None:
        """Where the vendor shall call, if the user has such a place and the vendor's list echoes it."""
        return f"{self.callback}/{tag}" if self.callback and self.plugin.recovery.echoes_callback else None


class Backends:
    """Plugins and their specs; each provider is opened at its first use and closed with the client."""

    def __init__(self, plugins: Plugins, settings: Settings, clock: Clock, folder: Path) -> None:
        self.plugins = plugins
        self.settings = settings
        self._clock = clock
        self._folder = folder
        self._opened: dict[str, Backend] = {}
        self._keys: dict[str, SecretStr | None] = {}
        self._closing = AsyncExitStack()
        self._lock = anyio.Lock()

    @cached_property
    def specs(self) -> tuple[ModelSpec, ...]:
        """Every declared model, with the versions that the settings pin."""
        return tuple(overridden(self.plugins.specs(), self.settings))

    def spec(self, model: str) -> ModelSpec:
        """A model's spec. Raises PluginError when its plugin is not here."""
        self.plugins.get(model.partition("/")[0])
        for spec in self.specs:
            if spec.id == model:
                return spec
        raise PluginError(f"no installed provider declares {model}", field="model")

    def check(self, model: str) -> None:
        """That a purchase can be begun here: once money is held, what is missing would keep it held.

        Raises ConfigurationError, of it PluginError and MissingKey, and StoreError as `get` does.
        """
        self.spec(model)
        plugin = self.plugins.get(model.partition("/")[0])
        self._key(plugin)
        self.settings.base_url(plugin)
        self._work(plugin)

    def account(self, name: str) -> Account:
        """Whose money a provider spends here. Raises PluginError, MissingKey, and ConfigurationError."""
        plugin = self.plugins.get(name)
        key = self._key(plugin)
        secret = key.get_secret_value() if key is not None else ""
        return Account(
            provider=name,
            origin=self.settings.base_url(plugin) or plugin.name,
            key_hash=hashlib.sha256(secret.encode()).hexdigest()[:12],
        )

    async def get(self, name: str) -> Backend:
        """The opened provider. Raises PluginError, MissingKey, and StoreError where it can keep no files."""
        async with self._lock:
            if name not in self._opened:
                self._opened[name] = await self._open(self.plugins.get(name))
            return self._opened[name]

    async def aclose(self) -> None:
        """Close every provider and its connections."""
        self._opened.clear()
        await self._closing.aclose()

    def _key(self, plugin: ProviderPlugin) -> SecretStr | None:
        """The provider's key as it was at its first use: what buys and what is recorded are the same.

        Raises MissingKey where the provider needs one and there is none.
        """
        if plugin.name not in self._keys:
            self._keys[plugin.name] = self.settings.key(plugin)
        key = self._keys[plugin.name]
        if key is None and plugin.needs_key:
            raise MissingKey(
                f"there is no key for {plugin.name} here",
                field=plugin.key_variables[0],
                hint=f"set {' or '.join(plugin.key_variables)}",
            )
        return key

    def _work(self, plugin: ProviderPlugin) -> Path:
        """The provider's own folder. Raises StoreError where it cannot be made or written."""
        work = self._folder / "work" / plugin.name
        try:
            work.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not os.access(work, os.W_OK | os.X_OK):
                raise PermissionError("it cannot be written")
        except OSError as error:
            raise StoreError(
                f"the folder {work} cannot be used: {error.strerror or error}",
                field="store",
                hint="make it a folder that can be written, or set ANYVIDEO_STORE to a file elsewhere",
            ) from error
        return work

    async def _open(self, plugin: ProviderPlugin) -> Backend:
        context = await self._closing.enter_async_context(
            open_context(
                ProviderContext,
                key=self._key(plugin),
                base_url=self.settings.base_url(plugin),
                clock=self._clock,
                work=self._work(plugin),
                timeouts=self.settings.timeouts,
            )
        )
        provider = _opened(plugin, context)
        self._closing.push_async_callback(provider.aclose)
        return Backend(
            plugin=plugin,
            provider=provider,
            context=context,
            storage=self.settings.storage,
            callback=self.settings.callback,
        )


def _opened(plugin: ProviderPlugin, context: ProviderContext) -> VideoProvider:
    """What a vendor's library says is not repeated: it may hold the key."""
    try:
        return plugin.open(context)
    except AnyVideoError:
        raise
    except Exception as error:
        raise PluginError(f"{plugin.name} cannot be opened: {type(error).__name__}") from error
