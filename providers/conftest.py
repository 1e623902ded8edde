"""A first-party provider, opened on its own simulated vendor, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pydantic import SecretStr

from anyvideo.net.clients import open_context
from anyvideo.net.scopes import free_call, submit_call
from anyvideo.net.wire import CallRecord, Timeouts
from anyvideo.provider import (
    ModelSpec,
    Order,
    ProviderContext,
    ProviderError,
    ProviderPlugin,
    Ref,
    RefusedByVendor,
    Submission,
    Update,
)
from anyvideo.routing.fit import fit
from anyvideo.testing.clock import VirtualClock
from anyvideo.testing.simulator import Charge, SimulatedVendor, SimulatorServer
from anyvideo.types.plan import Fit
from anyvideo.types.request import Image, VideoRequest

T = TypeVar("T")


@dataclass
class Vendor:
    """One provider and the simulated vendor that it speaks to."""

    plugin: ProviderPlugin
    server: SimulatorServer
    clock: VirtualClock
    context: ProviderContext
    provider: Any

    def order(self, name: str, *, image: str | None = None, **request: Any) -> Order:
        """What would be sent for a request to one model of the provider."""
        spec = self.spec(name)
        wish = VideoRequest(image=Image(url=image) if image else None, **request)
        fitted = fit(wish, spec, today=self.clock.now().date(), media=self.plugin.media)
        assert isinstance(fitted, Fit), fitted
        return Order(fit=fitted, spec=spec, tag="tag", media={"image": image} if image else {})

    def spec(self, name: str) -> ModelSpec:
        return next(spec for spec in self.plugin.catalog.models if spec.name == name)

    async def buy(self, order: Order) -> Submission:
        """Submit as the engine does."""
        submission, error, _ = await self.attempt(order)
        if error is not None:
            raise error
        assert submission is not None
        return submission

    async def attempt(self, order: Order) -> tuple[Submission | None, Exception | None, CallRecord]:
        """Submit, and what the wire saw of it."""

        async def before_send(_hash: str) -> None:
            pass

        async with submit_call(before_send) as record:
            try:
                return await self.provider.submit(order), None, record
            except Exception as error:  # noqa: BLE001 - handed to the test
                return None, error, record

    async def free(self, call: Awaitable[T]) -> T:
        """Await in a free scope."""
        async with free_call():
            return await call

    async def fetch(self, ref: Ref) -> Update:
        update: Update = await self.free(self.provider.fetch(ref))
        return update

    async def finished(self, order: Order) -> Update:
        """Buy, let time pass, and ask."""
        submission = await self.buy(order)
        self.clock.advance(60)
        return await self.fetch(submission.ref)

    async def refused(self, order: Order) -> ProviderError:
        """The typed error for a submit that the vendor turns down."""
        _, error, _ = await self.attempt(order)
        assert isinstance(error, RefusedByVendor), error
        explained: ProviderError = self.provider.explain(error.reply)
        return explained

    def charges(self) -> list[Charge]:
        return self.server.ledger()

    def posts(self) -> int:
        """How many POSTs reached the vendor."""
        return sum(seen.method == "POST" for seen in self.server.world.requests)


@asynccontextmanager
async def opened(name: str, work: Path, vendors: Iterable[SimulatedVendor] = ()) -> AsyncIterator[Vendor]:
    """The first-party provider of that name, on its simulator."""
    package = import_module(f"anyvideo_{name}")
    [plugin] = package.anyvideo_providers()
    clock = VirtualClock()
    simulated = tuple(vendors) or (import_module(f"anyvideo_{name}.simulator").create(),)
    with SimulatorServer(simulated, clock=clock) as server:
        server.set_time(10)
        async with open_context(
            ProviderContext,
            key=SecretStr(server.env[plugin.key_variables[0]]),
            base_url=server.env[plugin.base_url_variable],
            clock=clock,
            work=work,
            timeouts=Timeouts(connect=2, submit=1, free=1, outputs=2),
        ) as context:
            provider = plugin.open(context)
            yield Vendor(plugin=plugin, server=server, clock=clock, context=context, provider=provider)
            await provider.aclose()


@pytest.fixture
def open_vendor(tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[Vendor]]:
    def open_one(name: str, *vendors: SimulatedVendor) -> AbstractAsyncContextManager[Vendor]:
        return opened(name, tmp_path, vendors)

    return open_one
