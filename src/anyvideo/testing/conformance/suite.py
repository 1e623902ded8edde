"""The suite that every provider passes, first-party ones too."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from anyvideo.provider import ProviderPlugin
from anyvideo.testing.clock import VirtualClock
from anyvideo.testing.conformance.abilities import Abilities
from anyvideo.testing.conformance.answers import Answers
from anyvideo.testing.conformance.bench import JOB_SECONDS, Bench, TinyClips
from anyvideo.testing.conformance.buying import Buying
from anyvideo.testing.conformance.declared import Declared
from anyvideo.testing.conformance.following import Following
from anyvideo.testing.conformance.manners import Manners
from anyvideo.testing.conformance.rules import broken
from anyvideo.testing.conformance.samples import Samples
from anyvideo.testing.conformance.stopping import Stopping
from anyvideo.testing.conformance.webhooks import Webhooks
from anyvideo.testing.conformance.whole import Whole

if TYPE_CHECKING:
    from anyvideo.testing.simulator import SimulatorServer

_SERVER: Final = pytest.StashKey["SimulatorServer"]()


class ProviderConformance(
    Declared, Buying, Following, Stopping, Answers, Manners, Abilities, Webhooks, Whole
):
    """Subclass it as `TestName` and override the fixture `plugin`; `samples` and `simulator` where need be.

    A failure says what was expected, what happened, and which rule of docs/providers.md it breaks.
    """

    @pytest.fixture
    def plugin(self) -> ProviderPlugin:
        """The plugin under test."""
        broken(
            "facts", expected="a fixture `plugin` that returns the ProviderPlugin", got="it is not overridden"
        )

    @pytest.fixture
    def samples(self) -> Samples:
        """What the suite orders."""
        return Samples()

    @pytest.fixture
    def simulator(self, plugin: ProviderPlugin, request: pytest.FixtureRequest) -> SimulatorServer | None:
        """The vendor's simulator, one for all tests of the class; None where nothing is bought."""
        if plugin.recovery.kind == "in_process":
            return None
        home = request.node.getparent(pytest.Class) or request.node
        if _SERVER not in home.stash:
            server = _served(plugin)
            home.stash[_SERVER] = server
            home.addfinalizer(server.stop)
        shared: SimulatorServer = home.stash[_SERVER]
        return shared

    @pytest.fixture
    def bench(
        self, plugin: ProviderPlugin, samples: Samples, simulator: SimulatorServer | None, tmp_path: Path
    ) -> Bench:
        """The provider on its simulated vendor, without faults in force."""
        clock = VirtualClock() if simulator is None else simulator.world.clock
        assert isinstance(clock, VirtualClock), "the simulator must run on a VirtualClock"
        if simulator is not None:
            simulator.clear_faults()
            simulator.world.leaks.clear()
        return Bench(plugin=plugin, samples=samples, server=simulator, clock=clock, folder=tmp_path)

    @pytest.fixture
    def wire(self, bench: Bench) -> Bench:
        """The same, for tests that need a vendor."""
        if bench.server is None:
            pytest.skip("recovery is in_process: nothing goes over the wire")
        return bench


def _served(plugin: ProviderPlugin) -> SimulatorServer:
    from anyvideo.testing.simulator import SimulatorServer

    if plugin.simulator is None:
        broken("simulator", expected="ProviderPlugin.simulator names 'package.module:factory'", got="None")
    module, _, factory = plugin.simulator.partition(":")
    try:
        vendor = getattr(import_module(module), factory)()
    except (ImportError, AttributeError) as error:
        broken(
            "simulator", expected=f"{plugin.simulator} makes a SimulatedVendor", got=str(error), cause=error
        )
    server = SimulatorServer([vendor], clock=VirtualClock())
    server.world.clips = TinyClips()
    server.set_time(JOB_SECONDS)
    return server.start()
