"""A plugin on its simulated vendor, where time passes only when a test says so."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import httpx
from pydantic import SecretStr

from anyvideo.net.clients import open_context
from anyvideo.net.wire import Timeouts
from anyvideo.provider import ProviderContext, ProviderPlugin, Ref, Uploads
from anyvideo.testing.clock import VirtualClock
from anyvideo.testing.conformance.opened import Opened, Sent, StillClock, Tap
from anyvideo.testing.conformance.rules import RuleBroken, calmly, require, told
from anyvideo.testing.conformance.samples import Samples
from anyvideo.testing.conformance.watch import Watch, WatchedLoop
from anyvideo.testing.simulator.clips import Clip, ClipFolder
from anyvideo.types.plan import Fit

if TYPE_CHECKING:
    from anyvideo.testing.simulator import Charge, SimulatorServer

T = TypeVar("T")

JOB_SECONDS: Final = 60.0
TIMEOUTS: Final = Timeouts(connect=5.0, submit=5.0, free=5.0, outputs=5.0)
TURNS: Final = 10
PATIENCE: Final = 20.0
"""Real seconds that one test may take: a provider that waits for something is told so."""


class TinyClips(ClipFolder):
    """Clips of the length that was bought, too small to take time, unless they are to be `whole`."""

    def __init__(self) -> None:
        super().__init__()
        self.whole = False

    async def file(self, clip: Clip) -> Path:
        return await super().file(clip if self.whole else replace(clip, width=64, height=36))


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
                with watch.on(), calmly("life-cycle", expected="open(ctx) makes a provider"):
                    provider = self.plugin.open(tapped)
                watch.packages |= {type(provider).__module__.partition(".")[0]} - {"anyvideo"}
                try:
                    yield Opened(bench=self, provider=provider, context=tapped, sent=sent, watch=watch)
                finally:
                    with watch.on(), calmly("closing", expected="aclose ends without an error"):
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

    async def bounded() -> T:
        limit = asyncio.timeout(PATIENCE)
        try:
            async with limit:
                return await work()
        except RuleBroken:
            raise
        except Exception as error:
            if isinstance(error, TimeoutError) and limit.expired():
                got = f"no answer within {PATIENCE:g} s"
                raise RuleBroken("no-waiting", expected="calls that end", got=got) from error
            expected = "no error from a call that the vendor answers as it should"
            raise RuleBroken("life-cycle", expected=expected, got=told(error)) from error

    with asyncio.Runner(loop_factory=WatchedLoop) as runner:
        return runner.run(bounded())


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
