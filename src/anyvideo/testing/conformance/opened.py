"""A live provider under the suite's eyes: every request is seen, every submit is judged."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import httpx

from anyvideo.catalog.prices import vendor_deadline_seconds
from anyvideo.catalog.spec import ModelSpec
from anyvideo.jobs.verdict import Verdict, judge
from anyvideo.net.scopes import free_call, submit_call
from anyvideo.net.wire import BeforeSend, CallRecord, LastCheck
from anyvideo.provider import (
    Order,
    ProviderContext,
    ProviderError,
    Ref,
    Reply,
    Submission,
    Update,
    VideoProvider,
)
from anyvideo.testing.clock import VirtualClock
from anyvideo.testing.conformance.rules import broken, told
from anyvideo.testing.conformance.watch import Watch
from anyvideo.types.errors import PROVIDER_ERRORS
from anyvideo.types.plan import Fit

if TYPE_CHECKING:
    from anyvideo.testing.conformance.bench import Bench

T = TypeVar("T")

TAG: Final = "conformance-tag-0001"
CALLBACK: Final = "https://hooks.example/anyvideo/9f2c"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request as it left the provider."""

    method: str
    url: str
    headers: dict[str, str] = field(repr=False)
    content: bytes = field(repr=False)

    def __str__(self) -> str:
        return f"{self.method} {self.url.partition('?')[0]}"


class Tap(httpx.AsyncBaseTransport):
    """Writes down what goes through it."""

    def __init__(self, inner: httpx.AsyncBaseTransport, sent: list[Sent]) -> None:
        self._inner = inner
        self._sent = sent

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        content = await request.aread()
        headers = dict(request.headers)
        self._sent.append(Sent(method=request.method, url=str(request.url), headers=headers, content=content))
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


class StillClock:
    """The simulator's time for a provider, which may read it and must not wait on it."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> NoReturn:
        broken("no-waiting", expected="no wait on the context's clock", got=f"sleep({seconds:g})")

    def working(self) -> AbstractContextManager[None]:
        return self._clock.working()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """How a submit went. `arrived_early` counts requests that reached the vendor before W2 was written."""

    record: CallRecord
    sent: list[Sent]
    hashes: list[str]
    arrived_early: int
    arrived: int
    submission: Submission | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A live provider, what it works with, and every request it has sent."""

    bench: Bench
    provider: VideoProvider
    context: ProviderContext
    sent: list[Sent]
    watch: Watch

    async def order(self, spec: ModelSpec, fit: Fit) -> Order:
        """The order for a fit, its picture handed over as the engine would do it."""
        plugin = self.bench.plugin
        media = {}
        if fit.image is not None:
            media = {"image": await self.bench.picture(self, fit)}
        deadline = vendor_deadline_seconds(spec) if plugin.vendor_deadline else None
        return Order(fit=fit, spec=spec, tag=TAG, deadline=deadline, media=media)

    async def any_order(self) -> Order:
        """The first order of the samples."""
        spec, fit = next(self.bench.samples.fits(self.bench.plugin))
        return await self.order(spec, fit)

    async def sell(self, order: Order, *, before_send: BeforeSend | None = None) -> Sale:
        """Submit in a scope as the engine does. What the provider raises is part of the sale."""
        before, arrived_before = len(self.sent), self.bench.arrived
        hashes: list[str] = []
        early = 0

        async def write_ahead(body_hash: str) -> LastCheck | None:
            nonlocal early
            early += self.bench.arrived - arrived_before
            hashes.append(body_hash)
            return None if before_send is None else await before_send(body_hash)

        submission: Submission | None = None
        failed: Exception | None = None
        async with submit_call(write_ahead) as record:
            try:
                with self.watch.on():
                    submission = await self.provider.submit(order)
            except Exception as error:  # noqa: BLE001 - the judge looks at it
                failed = error
        return Sale(
            record=record,
            sent=self.sent[before:],
            hashes=hashes,
            arrived_early=early,
            arrived=self.bench.arrived - arrived_before,
            submission=submission,
            error=failed,
        )

    async def bought(self, order: Order | None = None) -> Submission:
        """A submission that must succeed."""
        sale = await self.sell(order or await self.any_order())
        if not isinstance(sale.submission, Submission):
            cause = sale.error or sale.record.stopped
            broken(
                "life-cycle",
                expected="the simulated vendor takes the shortest and smallest clip",
                got=told(cause) if cause else f"no Submission but {type(sale.submission).__name__}",
                cause=cause,
            )
        return sale.submission

    async def free(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """A free call of the provider, watched."""
        async with free_call():
            with self.watch.on():
                return await call()

    async def fetch(self, ref: Ref) -> Update:
        """One look at a job."""
        return _update("fetch", await self.free(lambda: self.provider.fetch(ref)))

    async def cancel(self, ref: Ref) -> Update:
        """One request to stop a job."""
        return _update("cancel", await self.free(lambda: self.provider.cancel(ref)))

    def verdict(self, sale: Sale) -> Verdict:
        """What the engine makes of a submit that failed."""
        assert sale.error is not None
        return judge(
            sale.record,
            sale.error,
            refusals=self.bench.plugin.refusals,
            explain=lambda reply: explained(self.provider, reply),
        )


def explained(provider: VideoProvider, reply: Reply) -> ProviderError:
    """What the provider makes of an answer: its class must be one of ours, exactly."""
    error: object = provider.explain(reply)
    if not isinstance(error, ProviderError) or PROVIDER_ERRORS.get(type(error).__name__) is not type(error):
        expected = "explain returns one of the ProviderError classes of anyvideo.provider"
        broken("explain", expected=expected, got=type(error).__name__)
    return error


def _update(call: str, answer: object) -> Update:
    if not isinstance(answer, Update):
        broken("life-cycle", expected=f"{call} answers with an Update", got=type(answer).__name__)
    return answer
