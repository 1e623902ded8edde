"""What tests of applications and of plugins import; every name loads on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anyvideo.testing.conformance import ProviderConformance, Samples
    from anyvideo.testing.simulator import SimulatedVendor, SimulatorServer, World, create_app, serve

__all__ = [
    "ProviderConformance",
    "Samples",
    "SimulatedVendor",
    "SimulatorServer",
    "World",
    "create_app",
    "serve",
]

_CONFORMANCE = frozenset({"ProviderConformance", "Samples"})


def __getattr__(name: str) -> object:
    if name in __all__:
        home = "conformance" if name in _CONFORMANCE else "simulator"
        return getattr(import_module(f"anyvideo.testing.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
