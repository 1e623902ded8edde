"""What tests of applications and of plugins import; every name loads on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anyvideo.testing.simulator import SimulatedVendor, SimulatorServer, World, create_app, serve

__all__ = ["SimulatedVendor", "SimulatorServer", "World", "create_app", "serve"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from anyvideo.testing import simulator

        return getattr(simulator, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
