"""A client whose vendors are simulated and whose time is virtual: both read one clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from anyvideo import AsyncClient, Event, Plugins, load_settings
from anyvideo.testing.clock import VirtualClock
from anyvideo.testing.simulator import SimulatorServer
from anyvideo.testing.simulator.clips import ClipFolder


@dataclass
class House:
    """The simulated vendors, and clients pointed at them."""

    server: SimulatorServer
    clock: VirtualClock
    folder: Path
    events: list[Event] = field(default_factory=list)

    def client(self, **arguments: Any) -> AsyncClient:
        """An AsyncClient on this house's store."""
        environ = {**self.server.env, **arguments.pop("environ", {})}
        return AsyncClient(
            **{
                "store": self.folder / "jobs.db",
                "settings": load_settings(environ=environ, folder=self.folder),
                "clock": self.clock,
                "on_event": self.events.append,
                **arguments,
            }
        )

    def charges(self, *states: str) -> list[Any]:
        """The ledger's lines."""
        return [charge for charge in self.server.ledger() if not states or charge.state in states]

    def posts(self) -> int:
        """How many requests that could buy were sent."""
        creates = ("/predictions", "/text_to_video", "/image_to_video", "/generations", "/generations/video")
        return sum(
            seen.method == "POST" and seen.path.endswith(creates) for seen in self.server.world.requests
        )

    def billed(self) -> str:
        """What the vendors bill in all, in dollars."""
        from decimal import Decimal

        return str(sum((Decimal(charge.amount) for charge in self.server.ledger()), Decimal(0)))


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the vendors' clips are kept from one house to the next."""
    return tmp_path_factory.mktemp("clips")


@pytest.fixture
def house(tmp_path: Path, clips: Path) -> Iterator[House]:
    clock = VirtualClock()
    vendors = []
    for plugin in Plugins.discover().all:
        if plugin.simulator is not None:
            module, _, factory = plugin.simulator.partition(":")
            vendors.append(getattr(import_module(module), factory)())
    with SimulatorServer(vendors, clock=clock) as server:
        server.world.clips = ClipFolder(clips)
        server.set_time(60.0)
        yield House(server=server, clock=clock, folder=tmp_path)
