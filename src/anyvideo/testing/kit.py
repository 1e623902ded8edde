"""What the fixtures share: the environment that a test's clients see, and the simulators behind it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyvideo.testing.cassettes.secrets import name_parts

if TYPE_CHECKING:
    from anyvideo.provider import ProviderPlugin
    from anyvideo.testing.fakes import FakeProvider
    from anyvideo.testing.modes import Mode
    from anyvideo.testing.simulator import SimulatedVendor

REPLAYED_KEY = "replayed-key"
_KEY_ENDS = frozenset({"key", "password", "secret", "token"})


@dataclass(slots=True, kw_only=True)
class Stage:
    """Where one test plays. `environ` is what its clients see of the environment."""

    folder: Path
    clock: Any
    store: str
    mode: Mode | None = None
    environ: dict[str, str] = field(default_factory=dict)
    fakes: dict[str, FakeProvider] = field(default_factory=dict)

    def arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """A client's arguments: what the test gave, over what is wired.

        `models` is the route of calls that name none, `environ` adds variables.
        """
        from anyvideo.plugins import Plugins
        from anyvideo.settings import load_settings

        rest = dict(given)
        models = rest.pop("models", None) or list(self.fakes)
        environ = {**self.environ, **rest.pop("environ", {})}
        if models:
            environ["ANYVIDEO_MODELS"] = ",".join([models] if isinstance(models, str) else models)
        wired: dict[str, Any] = {
            "store": self.store,
            "clock": self.clock,
            "settings": load_settings(environ=environ, folder=self.folder),
        }
        if self.fakes:
            wired["plugins"] = Plugins.of(*(fake.plugin() for fake in self.fakes.values()))
        return {**wired, **rest}


def plugins() -> tuple[ProviderPlugin, ...]:
    """The installed providers."""
    from anyvideo.plugins import Plugins

    return Plugins.discover().all


def simulated_vendors() -> list[SimulatedVendor]:
    """A simulated vendor for each installed provider that brings one."""
    from importlib import import_module

    made = []
    for plugin in plugins():
        if plugin.simulator is not None:
            module, _, factory = plugin.simulator.partition(":")
            made.append(getattr(import_module(module), factory)())
    return made


def replay_environ() -> dict[str, str]:
    """A key for every provider, and the vendors' own addresses: nothing of it is ever sent."""
    environ = {plugin.key_variables[0]: REPLAYED_KEY for plugin in plugins() if plugin.key_variables}
    for plugin in plugins():
        if plugin.base_url_variable is not None and plugin.default_base_url is None:
            environ[plugin.base_url_variable] = nowhere(plugin.name)
    return environ


def moves(url: str, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """From the simulators' addresses to those that a cassette shows: the vendors' own, and `.invalid`."""
    for plugin in plugins():
        yield f"{url}/{plugin.name}/outputs", f"https://outputs.invalid/{plugin.name}"
        base = environ.get(plugin.base_url_variable or "")
        if base is not None:
            yield base, plugin.default_base_url or nowhere(plugin.name)
    yield url, "https://simulated.invalid"


def nowhere(name: str) -> str:
    """An address that resolves nowhere."""
    return f"https://{name.replace('_', '-')}.invalid"


def known_secrets(environ: Mapping[str, str]) -> list[str]:
    """The values of all variables that hold a key by their name, and of every provider's key variable."""
    names = {variable for plugin in plugins() for variable in plugin.key_variables}
    values = {**os.environ, **environ}
    return [
        value
        for name, value in sorted(values.items())
        if value != REPLAYED_KEY and (name in names or (_is_key(name) and not value.isalpha()))
    ]


def _is_key(name: str) -> bool:
    parts = name_parts(name)
    return bool(parts) and parts[-1] in _KEY_ENDS


def serve_simulators() -> None:
    """Serve all simulators in this process until it is ended; the first line on stdout is JSON."""
    import json
    import sys

    from anyvideo.testing.simulator import serve

    def ready(url: str, environ: dict[str, str]) -> None:
        sys.stdout.write(json.dumps({"url": url, "env": environ}) + "\n")
        sys.stdout.flush()

    serve(simulated_vendors(), on_ready=ready)
