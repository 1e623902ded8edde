"""A provider on its simulated vendor: time stands still, every call is seen, every submit is judged."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar, cast

import httpx
from pydantic import SecretStr

from anyvideo.catalog.prices import vendor_deadline_seconds
from anyvideo.catalog.spec import ModelSpec
from anyvideo.jobs.verdict import Verdict, judge
from anyvideo.net.clients import open_context
from anyvideo.net.scopes import free_call, submit_call
from anyvideo.net.wire import BeforeSend, CallRecord, LastCheck, Timeouts
from anyvideo.provider import (
    Order,
    ProviderContext,
    ProviderPlugin,
    Ref,
    Submission,
    Update,
    Uploads,
    VideoProvider,
)
from anyvideo.testing.clock import VirtualClock
from anyvideo.testing.conformance.rules import RuleBroken, broken, require, told
from anyvideo.testing.conformance.samples import Samples
from anyvideo.testing.conformance.watch import Watch, WatchedLoop
from anyvideo.testing.simulator.clips import Clip, ClipFolder
from anyvideo.types.plan import Fit

if TYPE_CHECKING:
    from anyvideo.testing.simulator import Charge, SimulatorServer

T = TypeVar("T")

JOB_SECONDS: Final = 60.0
TIMEOUTS: Final = Timeouts(connect=5.0, submit=5.0, free=5.0, outputs=5.0)
TAG: Final = "conformance-tag-0001"
TURNS: Final = 10


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


class TinyClips(ClipFolder):
    """Clips of the length that was bought, and small enough to be made in no time, unless they are `whole`."""

    def __init__(self) -> None:
        super().__init__()
        self.whole = False

    async def file(self, clip: Clip) -> Path:
        return await super().file(clip if self.whole else replace(clip, width=64, height=36))


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
        if sale.submission is None:
            cause = sale.error or sale.record.stopped
            broken(
                "life-cycle",
                expected="the simulated vendor takes the shortest and smallest clip",
                got=told(cause) if cause else "no submission",
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
        return await self.free(lambda: self.provider.fetch(ref))

    async def cancel(self, ref: Ref) -> Update:
        """One request to stop a job."""
        return await self.free(lambda: self.provider.cancel(ref))

    def verdict(self, sale: Sale) -> Verdict:
        """What the engine makes of a submit that failed."""
        assert sale.error is not None
        return judge(
            sale.record,
            sale.error,
            refusals=self.bench.plugin.refusals,
            explain=self.provider.explain,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One plugin, its simulated vendor and the samples. `server` is None where nothing is ever bought."""

    plugin: ProviderPlugin
    samples: Samples
    server: SimulatorServer | None
    clock: VirtualClock
    folder: Path

    @property
    def vendor(self) -> SimulatorServer:
        """The simulator, which is there in every test that asks for it."""
        assert self.server is not None, "this provider buys nothing"
        return self.server

    @property
    def key(self) -> str | None:
        """The key that the simulator takes."""
        if self.server is None:
            return None
        return next((key for name in self.plugin.key_variables if (key := self.server.env.get(name))), None)

    @property
    def base_url(self) -> str | None:
        """Where the simulator stands."""
        if self.server is None:
            return self.plugin.default_base_url
        return self.server.env.get(self.plugin.base_url_variable or "")

    @property
    def arrived(self) -> int:
        """How many requests have reached the vendor."""
        return 0 if self.server is None else len(self.server.world.requests)

    def pass_time(self, seconds: float) -> None:
        """Let the vendor work."""
        self.clock.advance(seconds)

    @contextmanager
    def real_clips(self) -> Iterator[None]:
        """Files of the size that was bought, for costs that are computed from what was measured."""
        clips = None if self.server is None else self.server.world.clips
        if not isinstance(clips, TinyClips):
            yield
            return
        clips.whole = True
        try:
            yield
        finally:
            clips.whole = False

    def charge(self, ref: Ref) -> Charge:
        """The vendor's bill for a job."""
        for charge in self.vendor.ledger():
            if charge.provider_job_id == ref.job_id:
                return charge
        raise RuleBroken(
            "handle", expected="Ref.job_id is the id that the vendor bills", got=f"no bill for {ref.job_id!r}"
        )

    def billed(self, ref: Ref) -> Decimal | None:
        """What the vendor bills for a job, in dollars."""
        return self.charge(ref).amount

    async def picture(self, opened: Opened, fit: Fit) -> str:
        """The address under which an order's picture goes."""
        image, provider = fit.image, opened.provider
        assert image is not None
        if image.url is not None:
            return image.url
        assert image.data is not None
        if self.plugin.media.data_uri_bytes is not None:
            return f"data:{image.content_type};base64,{base64.b64encode(image.data).decode()}"
        require(
            isinstance(provider, Uploads),
            "uploads",
            expected="media rules with upload_bytes belong to a provider with `upload`",
            got=f"{type(provider).__name__} has no `upload`",
        )
        content, kind = image.data, image.content_type or "image/png"
        return await opened.free(
            lambda: cast(Uploads, provider).upload(content, content_type=kind, filename="frame.png")
        )

    @asynccontextmanager
    async def opened(self, *, key: str | None = None, timeouts: Timeouts = TIMEOUTS) -> AsyncIterator[Opened]:
        """A provider opened as the engine opens it, with a tap on its transport."""
        sent: list[Sent] = []
        watch = Watch(own_packages(self.plugin))
        secret = key or self.key
        async with open_context(
            ProviderContext,
            key=None if secret is None else SecretStr(secret),
            base_url=self.base_url,
            clock=StillClock(self.clock),
            work=self.folder,
            timeouts=timeouts,
        ) as context:
            tap = Tap(context.transport, sent)
            async with httpx.AsyncClient(transport=tap, trust_env=False) as http:
                tapped = replace(context, http=http, transport=tap)
                with watch.on():
                    provider = self.plugin.open(tapped)
                watch.packages |= {type(provider).__module__.partition(".")[0]} - {"anyvideo"}
                try:
                    yield Opened(bench=self, provider=provider, context=tapped, sent=sent, watch=watch)
                finally:
                    with watch.on():
                        await provider.aclose()

    def run(self, work: Callable[[Opened], Coroutine[Any, Any, T]], *, timeouts: Timeouts = TIMEOUTS) -> T:
        """Open, work, close, in a loop of its own; then ask what else the provider did."""
        __tracebackhide__ = True

        async def whole() -> T:
            async with self.opened(timeouts=timeouts) as opened:
                result = await work(opened)
            for _ in range(TURNS):
                await asyncio.sleep(0)
            check_manners(opened.watch)
            return result

        return in_a_loop(whole)


def in_a_loop(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run it in a fresh loop that notices sleeping."""
    __tracebackhide__ = True
    with asyncio.Runner(loop_factory=WatchedLoop) as runner:
        return runner.run(work())


def own_packages(plugin: ProviderPlugin) -> frozenset[str]:
    """The top-level packages that hold the plugin's own code."""
    module = str(getattr(plugin.open, "__module__", ""))
    return frozenset({module.partition(".")[0]} - {"", "anyvideo"})


def check_manners(watch: Watch) -> None:
    """Raises RuleBroken for what no provider may do in any call."""
    __tracebackhide__ = True
    require(not watch.sleeps, "no-waiting", expected="no sleep in a provider", got="; ".join(watch.sleeps))
    require(not watch.blocks, "no-blocking", expected="nothing blocks the loop", got="; ".join(watch.blocks))
    require(
        not watch.reads,
        "no-environment",
        expected="no look into the environment",
        got="; ".join(watch.reads),
    )
    require(
        not watch.open_sockets,
        "closing",
        expected="no open socket after aclose",
        got=f"{watch.open_sockets} still open",
    )
