"""`anyvideo simulate`: the installed providers' APIs on loopback, for tests in any language."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import typer

from anyvideo.cli.console import emit
from anyvideo.cli.options import AsJson, Port
from anyvideo.cli.session import session_of
from anyvideo.types.errors import InvalidRequest, MissingExtra, PluginError

if TYPE_CHECKING:
    from anyvideo.provider import ProviderPlugin
    from anyvideo.testing.simulator import SimulatedVendor

_EXTRAS = {"av": "media", "PIL": "media"}


def simulate(
    ctx: typer.Context,
    port: Port = 0,
    as_json: AsJson = False,
) -> None:
    """Serve the installed providers, simulated, with a store of their own while they run."""
    from anyvideo.plugins import Plugins

    vendors = simulated(Plugins.discover().all)
    serve = import_simulator().serve

    def ready(url: str, env: dict[str, str]) -> None:
        env = {**env, "ANYVIDEO_STORE": store}
        if as_json:
            emit({"url": url, "env": env}, compact=True)
        else:
            typer.echo("\n".join(f"export {name}={shlex.quote(value)}" for name, value in env.items()))

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with TemporaryDirectory(prefix="anyvideo-simulated-", ignore_cleanup_errors=True) as folder:
            store = session_of(ctx).store or str(Path(folder) / "anyvideo.db")
            serve(vendors, port, on_ready=ready)
    except KeyboardInterrupt:
        return
    except OSError as error:
        raise InvalidRequest(
            f"port {port} cannot be used: {error.strerror}", field="port", hint="leave it out for a free one"
        ) from error


def import_simulator() -> Any:
    """The simulator's module. Raises MissingExtra."""
    try:
        return import_module("anyvideo.testing.simulator")
    except ModuleNotFoundError as error:
        raise _missing(error) from error


def simulated(plugins: Sequence[ProviderPlugin]) -> list[SimulatedVendor]:
    """One simulated vendor for each plugin that brings one. Raises MissingExtra and PluginError."""
    import_simulator()
    vendors = [_vendor(plugin.simulator) for plugin in plugins if plugin.simulator is not None]
    if not vendors:
        raise PluginError(
            "no installed provider plugin brings a simulator",
            field="plugins",
            hint='pip install "anyvideo[all]"',
        )
    return vendors


def _vendor(factory: str) -> SimulatedVendor:
    module, _, name = factory.partition(":")
    try:
        vendor: SimulatedVendor = getattr(import_module(module), name)()
    except ModuleNotFoundError as error:
        raise _missing(error) from error
    return vendor


def _missing(error: ModuleNotFoundError) -> Exception:
    package = (error.name or "").partition(".")[0]
    if package in ("", "anyvideo"):
        return error
    return MissingExtra(_EXTRAS.get(package, "testing"), "the simulator")
