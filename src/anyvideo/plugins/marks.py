"""Which attributes of a plugin are meant as hooks, also those that would never be called."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator

import pluggy

from anyvideo.plugins import hooks
from anyvideo.types.errors import PluginError

HOOKS = frozenset(name for name in vars(hooks) if name.startswith(f"{hooks.PROJECT}_"))
_MARK = f"{hooks.PROJECT}_impl"
_STEPS = ("__func__", "__wrapped__", "func", "fget")
_MOST_LAYERS = 8


def check_called(manager: pluggy.PluginManager, plugin: object) -> None:
    """Raises PluginError for what is marked as a hook and is no function: nobody would ever call it."""
    for name in sorted({*dir(plugin), *HOOKS}):
        values = [_static(plugin, name), *_read(plugin, name)] if name in HOOKS else [_static(plugin, name)]
        deep = name in HOOKS
        marked = next((one for one in values if _meant(one, name, deep=deep) is not None), None)
        if marked is not None and manager.parse_hookimpl_opts(plugin, name) is None:
            raise PluginError(
                f"{name} of {_named(plugin)} is marked as a hook and would never be called:"
                f" it is a {type(marked).__name__}",
                field=name,
                hint="mark a plain function, written with def, that calls it",
            )


def has_checks(plugin: object) -> bool:
    """Whether a plugin has what looks like a check. Runs no code of it but `__dir__`; True if that fails."""
    try:
        names = dir(plugin)
    except Exception:  # noqa: BLE001 - a broken plugin may fail in any way
        return True
    meant = {name if name in hooks.CHECKS else _meant(_static(plugin, name), name) for name in names}
    return not meant.isdisjoint(hooks.CHECKS)


def _meant(value: object, name: str, *, deep: bool = False) -> str | None:
    """The hook that a value is marked for; `deep` says that the mark may be on what it wraps."""
    layers = list(_layers(value))
    if not deep:
        layers = layers[: 1 + isinstance(value, (types.MethodType, staticmethod, classmethod))]
    for layer in layers:
        options = inspect.getattr_static(layer, _MARK, None)
        if isinstance(options, dict):
            return options.get("specname") or name
    return None


def _layers(value: object) -> Iterator[object]:
    """A value and what it wraps, outermost first."""
    for _ in range(_MOST_LAYERS):
        yield value
        inner = [found for step in _STEPS for found in _tried(value, step)]
        if not inner:
            return
        value = inner[0]


def _static(plugin: object, name: str) -> object:
    """What is kept under the name; no property runs."""
    value = inspect.getattr_static(plugin, name, None)
    if isinstance(value, types.MemberDescriptorType):
        return next(iter(_tried(plugin, name)), None)
    return value


def _read(plugin: object, name: str) -> list[object]:
    """What the name gives, if anything. Raises PluginError for a property that fails."""
    try:
        return [getattr(plugin, name)]
    except Exception as error:
        if _static(plugin, name) is None:
            return []
        raise PluginError(
            f"{name} of {_named(plugin)} cannot be read: {type(error).__name__}: {error}",
            field=name,
            hint="write the hook as a plain function",
        ) from error


def _tried(value: object, name: str) -> list[object]:
    try:
        found = getattr(value, name)
    except Exception:  # noqa: BLE001 - somebody's object may fail in any way
        return []
    return [] if found is None else [found]


def _named(plugin: object) -> str:
    return plugin.__name__ if isinstance(plugin, (types.ModuleType, type)) else type(plugin).__name__
