"""What tests of applications and of plugins import; every name loads on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anyvideo.testing.cassettes import ProviderCassettes
    from anyvideo.testing.checkout import use_checkout
    from anyvideo.testing.clock import VirtualClock
    from anyvideo.testing.conformance import ProviderConformance, Samples
    from anyvideo.testing.deliveries import standard_delivery
    from anyvideo.testing.fakes import FakeProvider
    from anyvideo.testing.simulator import SimulatedVendor, SimulatorServer, World, create_app, serve

__all__ = [
    "FakeProvider",
    "ProviderCassettes",
    "ProviderConformance",
    "Samples",
    "SimulatedVendor",
    "SimulatorServer",
    "VirtualClock",
    "World",
    "create_app",
    "serve",
    "standard_delivery",
    "use_checkout",
]

_HOMES = {
    "FakeProvider": "fakes",
    "ProviderCassettes": "cassettes",
    "VirtualClock": "clock",
    "ProviderConformance": "conformance",
    "Samples": "conformance",
    "standard_delivery": "deliveries",
    "use_checkout": "checkout",
}


def __getattr__(name: str) -> object:
    if name in __all__:
        return getattr(import_module(f"anyvideo.testing.{_HOMES.get(name, 'simulator')}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
