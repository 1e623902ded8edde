"""The plugins of one client."""

from __future__ import annotations

import difflib
import inspect
import logging
from collections.abc import Collection, Iterable
from functools import partial
from importlib.metadata import EntryPoint, entry_points

import pluggy

from anyvideo.catalog.spec import ModelSpec
from anyvideo.plugins import hooks as hookspecs
from anyvideo.plugins.found import BrokenPlugin, Loaded, called, check, check_clashes, load, register
from anyvideo.provider import ProviderPlugin
from anyvideo.types.errors import AnyVideoError, InvalidRequest, MediaError, PluginError
from anyvideo.types.events import Event
from anyvideo.types.request import VideoRequest
from anyvideo.types.video import Video

GROUP = "anyvideo"

logger = logging.getLogger(__name__)


class Plugins:
    """Providers and hooks. `discover` finds the installed ones, `of` takes them as they are given.

    Plugins are trusted code: they run in this process. Stand-ins come last, the rest in the order of names.
    """

    def __init__(
        self,
        loaded: Iterable[Loaded],
        broken: Iterable[BrokenPlugin],
        manager: pluggy.PluginManager,
        *,
        found: Iterable[str] = (),
    ) -> None:
        ordered = sorted(loaded, key=lambda one: one.plugin.stand_in)
        self._loaded = {one.plugin.name: one for one in ordered}
        self._broken = tuple(broken)
        self._manager = manager
        self._found = frozenset(found)

    @classmethod
    def discover(
        cls,
        entries: Iterable[EntryPoint] | None = None,
        *,
        allowed: Collection[str] | None = None,
        hooks: Iterable[object] = (),
    ) -> Plugins:
        """Load every installed plugin, each in its own guard.

        `allowed` lists the names of entry points to load; the code of others does not run. `hooks` are
        modules or objects of the application. Raises PluginError for a hook that does not exist or could
        never be called, and where `allowed` lets none of the installed plugins in.
        """
        found = list(entry_points(group=GROUP) if entries is None else entries)
        names = {entry.name for entry in found}
        if allowed and names and names.isdisjoint(allowed):
            raise PluginError(
                f"none of the plugins that may be loaded is installed: {', '.join(sorted(allowed))}",
                field="plugins",
                hint=f"ANYVIDEO_PLUGINS, or plugins in anyvideo.toml, may name: {', '.join(sorted(names))}",
            )
        manager = _manager(hooks)
        loaded: dict[str, Loaded] = {}
        broken: list[BrokenPlugin] = []
        for entry in sorted(found, key=_order):
            if allowed is not None and entry.name not in allowed:
                continue
            result = load(manager, entry, loaded)
            if isinstance(result, BrokenPlugin):
                broken.append(result)
            else:
                loaded |= {one.plugin.name: one for one in result}
        return cls(loaded.values(), broken, manager, found=names)

    @classmethod
    def of(cls, *plugins: ProviderPlugin, hooks: Iterable[object] = ()) -> Plugins:
        """Just these providers, and hooks of the application. Raises PluginError for wrong facts."""
        loaded = [Loaded(plugin=plugin) for plugin in plugins]
        for plugin in plugins:
            check(plugin)
        check_clashes(loaded, {})
        return cls(loaded, (), _manager(hooks))

    @property
    def all(self) -> tuple[ProviderPlugin, ...]:
        """The providers that work."""
        return tuple(one.plugin for one in self._loaded.values())

    @property
    def broken(self) -> tuple[BrokenPlugin, ...]:
        """The plugins that do not."""
        return self._broken

    @property
    def installed(self) -> frozenset[str]:
        """The names of all that is there: providers, and plugins that are broken or may not be loaded."""
        return self._found.union(self._loaded)

    def specs(self) -> tuple[ModelSpec, ...]:
        """Every declared model, provider by provider."""
        return tuple(spec for plugin in self.all for spec in plugin.catalog.models)

    def get(self, name: str) -> ProviderPlugin:
        """The provider of that name. Raises PluginError: broken, with its problem, or not installed."""
        if name in self._loaded:
            return self._loaded[name].plugin
        for broken in self._broken:
            if broken.name == name:
                raise broken.error
        near = difflib.get_close_matches(name, self._loaded, n=1)
        meant = f" or did you mean {near[0]!r}?" if near else ""
        raise PluginError(
            f"no installed provider is called {name!r}",
            field=name,
            hint=f'pip install "anyvideo[{name}]"{meant}',
        )

    def distribution(self, name: str) -> str | None:
        """The distribution that a provider came from; None where it was given in code."""
        return self._loaded[name].distribution if name in self._loaded else None

    def version(self, name: str) -> str | None:
        """The version of that distribution."""
        return self._loaded[name].version if name in self._loaded else None

    def tell(self, event: Event) -> None:
        """Give an event to every hook. What one raises is logged and keeps it from nobody else."""
        for hook in self._manager.hook.anyvideo_on_event.get_hookimpls():
            try:
                hook.function(*(event for name in hook.argnames if name == "event"))
            except Exception:
                logger.exception("a plugin failed at event %s: %s", event.kind, hook.plugin_name)

    async def check_request(self, request: VideoRequest) -> None:
        """Ask every check. Raises InvalidRequest with the first reason; a check that fails refuses, too.

        Raises PluginError for one that answers neither with a reason nor with None.
        """
        reason = await self._refusal("anyvideo_check_request", request=request)
        if reason is not None:
            raise InvalidRequest(f"refused by a check of this application: {reason}", field="request")

    async def check_video(self, video: Video) -> None:
        """Ask every check. Raises MediaError with the first reason; a check that fails refuses, too.

        Raises PluginError for one that answers neither with a reason nor with None: nothing is decided then.
        """
        try:
            reason = await self._refusal("anyvideo_check_video", video=video)
        except PluginError as error:
            kept = f"the clip is paid for and kept at {video.path}"
            hint = f"{kept}; mend the check, then: anyvideo resume {video.job_id}"
            raise PluginError(error.message, field=error.field, hint=hint) from error
        if reason is not None:
            raise MediaError(f"refused by a check of this application: {reason}")

    async def _refusal(self, hook: str, **given: object) -> str | None:
        for broken in self._broken:
            if broken.checks:
                raise broken.error
        caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
        if not caller.get_hookimpls():
            return None
        import anyio.to_thread

        return await anyio.to_thread.run_sync(partial(_first_reason, caller, given))


def _first_reason(caller: pluggy.HookCaller, given: dict[str, object]) -> str | None:
    for hook in reversed(caller.get_hookimpls()):
        try:
            answer = hook.function(*(given[name] for name in hook.argnames))
        except AnyVideoError as error:
            return error.message
        except Exception as error:
            logger.exception("a check failed: %s", called(hook))
            return f"{called(hook)} failed with {type(error).__name__}"
        if answer is not None:
            return _checked(answer, hook)
    return None


def _checked(answer: object, hook: pluggy.HookImpl) -> str:
    if isinstance(answer, str) and answer.strip():
        return answer
    if inspect.iscoroutine(answer):
        answer.close()
    raise PluginError(
        f"the check {called(hook)} is broken: it answered {answer!r:.80}",
        field=hook.function.__name__,
        hint="a check answers None, or refuses with a reason in words",
    )


def _manager(hooks: Iterable[object]) -> pluggy.PluginManager:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    for hook in hooks:
        try:
            register(manager, hook, name=None)
        except pluggy.PluginValidationError as error:
            raise PluginError(str(error)) from None
    return manager


def _order(entry: EntryPoint) -> tuple[str, str]:
    return entry.name, "" if entry.dist is None else entry.dist.name
