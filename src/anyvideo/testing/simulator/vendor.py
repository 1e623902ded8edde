"""What a plugin writes to be simulated: its routes, its words, its bill."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from anyvideo.testing.simulator.clips import Clip
from anyvideo.testing.simulator.faults import Fault
from anyvideo.testing.simulator.jobs import Ending, Job, Phase

if TYPE_CHECKING:
    from datetime import timedelta

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from anyvideo.testing.simulator.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A request that the vendor is ready to take: what the shop needs to turn it into a job.

    `request` is kept as sent. `deadline` cancels the job after so many seconds, `runs_out` after that share
    of its run; the earlier counts. `facts` are for the vendor's own use.
    """

    id: str
    clip: Clip
    request: Mapping[str, object]
    deadline: float | None = None
    runs_out: float | None = None
    facts: Mapping[str, object] = field(default_factory=dict)


class SimulatedVendor(ABC):
    """One vendor's HTTP API. `name` is its path on the server and its name in faults and the ledger."""

    name: str

    output_life: timedelta | None = None
    """How long an output URL works after it was handed out; None: as long as the server."""

    expired_status: int = 403
    """What an output URL answers after that."""

    @abstractmethod
    def env(self, base_url: str) -> dict[str, str]:
        """The environment that points the vendor's SDK here; `base_url` ends in `/{name}`."""

    @abstractmethod
    def routes(self, world: World) -> Sequence[BaseRoute]:
        """Its endpoints below `/{name}`, with `world.guard` around each that needs a key."""

    @abstractmethod
    def bill(self, job: Job, phase: Phase) -> Decimal | None:
        """The bill in USD as it stands, from the vendor's published prices; None while unknown."""

    @abstractmethod
    def ending(self, fault: Fault) -> Ending:
        """The vendor's words for failed, moderated_input and moderated_output."""

    @abstractmethod
    def refuse(self, fault: str, model: str | None, params: Mapping[str, object]) -> Response:
        """The vendor's answer for each fault of stage create, and for poll_500, list_500 and gone."""

    @abstractmethod
    def show(self, world: World, request: Request, job: Job, *, status: str | None = None) -> dict[str, Any]:
        """The job as the vendor's JSON; `status` replaces its state word."""

    @abstractmethod
    async def confirm(self, world: World, request: Request, job: Job) -> Response:
        """The answer to the call that bought the job."""
