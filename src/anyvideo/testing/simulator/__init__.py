"""A video vendor's HTTP API on loopback, with faults on order and a ledger that no client can touch.

A vendor is a `SimulatedVendor`; a plugin names a function that makes one in its `simulator` field.
`SimulatorServer` serves any number of them on one port from a thread, `serve` in the foreground and
`create_app` as an ASGI app. The control API under `/_sim/` is described in docs/simulator.md.
"""

from __future__ import annotations

from anyvideo.testing.simulator.app import create_app
from anyvideo.testing.simulator.clips import Clip
from anyvideo.testing.simulator.clock import Clock, ManualClock, SystemClock, iso
from anyvideo.testing.simulator.faults import FAULTS, Fault, FaultError
from anyvideo.testing.simulator.jobs import Ending, Job, Phase
from anyvideo.testing.simulator.ledger import Charge
from anyvideo.testing.simulator.server import SimulatorServer, serve
from anyvideo.testing.simulator.shop import browse, look, sell
from anyvideo.testing.simulator.vendor import Offer, SimulatedVendor
from anyvideo.testing.simulator.wire import BadBody, bearer, json_object, origin
from anyvideo.testing.simulator.world import Handler, World

__all__ = [
    "FAULTS",
    "BadBody",
    "Charge",
    "Clip",
    "Clock",
    "Ending",
    "Fault",
    "FaultError",
    "Handler",
    "Job",
    "ManualClock",
    "Offer",
    "Phase",
    "SimulatedVendor",
    "SimulatorServer",
    "SystemClock",
    "World",
    "bearer",
    "browse",
    "create_app",
    "iso",
    "json_object",
    "look",
    "origin",
    "sell",
    "serve",
]
