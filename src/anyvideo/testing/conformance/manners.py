"""What a provider does beside translating: nothing. And what it leaves behind: nothing."""

from __future__ import annotations

import asyncio
import gc
import logging
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Final

import pytest

from anyvideo.provider import Finds, ProviderError, Ref, Reply, Uploads
from anyvideo.testing.conformance.bench import JOB_SECONDS, TURNS, Bench, check_manners, in_a_loop
from anyvideo.testing.conformance.buying import SUBMIT_FAULTS
from anyvideo.testing.conformance.following import LONG
from anyvideo.testing.conformance.opened import Opened, Sale, Sent
from anyvideo.testing.conformance.rules import all_told, broken, calmly, require

HELD: Final = 0.1
"""Seconds of CPU: the bound of asyncio's own debug mode, and fifty times what the usual call takes."""
ROUNDS: Final = 3
DECOY = "decoy-from-the-environment"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")

_SERVER_ERROR: Final = Reply(method="GET", url="https://vendor.example/1", status=500, headers={}, body={})


class Manners:
    """Secrets, environment, loops, leftovers."""

    def test_the_key_stays_in_headers(self, wire: Bench, caplog: pytest.LogCaptureFixture) -> None:
        """Bodies are hashed and kept, errors are stored and shown, reprs are logged."""
        key = wire.key
        if key is None:
            pytest.skip("this provider needs no key")
        shown: list[tuple[str, str]] = []

        async def work(opened: Opened) -> None:
            shown.append(("repr of the provider", repr(opened.provider)))
            shown.append(("its attributes", _attributes(opened.provider)))
            for fault in (None, *(name for name in SUBMIT_FAULTS if not name.startswith("slow"))):
                if fault is not None:
                    wire.vendor.fault(wire.plugin.name, fault, times=1)
                sale = await opened.sell(await opened.any_order())
                shown.extend((f"what comes of {fault or 'a submit'}", text) for text in _texts(opened, sale))
            sold = await opened.bought()
            for ended in (0.5 * JOB_SECONDS, LONG):
                wire.pass_time(ended)
                shown.append(("an update", repr(await opened.fetch(sold.ref))))
            for one in opened.sent:
                shown.append((f"the address of {one.method}", one.url))
                shown.append((f"the body of {one}", one.content.decode("utf-8", "replace")))
            for reply in ("gone", "poll_500"):
                wire.vendor.fault(wire.plugin.name, reply, times=1)
                with suppress(Exception):
                    await opened.cancel(sold.ref)
                try:
                    shown.append(("an update", repr(await opened.fetch(sold.ref))))
                except Exception as error:  # noqa: BLE001 - it is searched
                    shown.extend((f"the error after {reply}", text) for text in all_told(error))

        with caplog.at_level(logging.DEBUG):
            wire.run(work)
        shown.extend((f"a log line of {record.name}", record.getMessage()) for record in caplog.records)
        leaks = sorted({where for where, text in shown if key in text})
        require(not leaks, "secrets", expected="the key in headers only", got=f"it is in {', '.join(leaks)}")
        require(
            not wire.vendor.world.leaks,
            "secrets",
            expected="no key at the place where outputs lie",
            got="it was sent there",
        )

    def test_everything_goes_through_the_transport(self, wire: Bench) -> None:
        """What does not, has no timeout, no guard and no witness."""

        async def work(opened: Opened) -> None:
            before = wire.arrived
            sold = await opened.bought()
            await opened.fetch(sold.ref)
            await opened.cancel(sold.ref)
            around = wire.arrived - before - len(opened.sent)
            require(
                around == 0,
                "transport",
                expected="as many requests at the vendor as went through ctx.http and ctx.transport",
                got=f"{around} more",
            )

        wire.run(work)

    def test_one_look_is_one_request(self, wire: Bench) -> None:
        """The engine owns the schedule."""

        async def work(opened: Opened) -> None:
            sold = await opened.bought()
            before = len(opened.sent)
            await opened.fetch(sold.ref)
            asked = [str(one) for one in opened.sent[before:]]
            require(len(asked) == 1, "no-waiting", expected="one request for one look", got=", ".join(asked))

        wire.run(work)

    def test_nothing_holds_up_the_loop(self, bench: Bench) -> None:
        """What computes on the loop keeps everyone else waiting. The first time a call may import its SDK."""
        slow: dict[str, float] = {}
        for number in range(ROUNDS):
            taken = _held_by_calls(bench)
            slow = {
                call: seconds
                for call, seconds in taken.items()
                if seconds > HELD and (number == 0 or call in slow)
            }
            if not slow:
                return
        told = ", ".join(f"{call} took {seconds:.2f} s" for call, seconds in slow.items())
        broken(
            "no-blocking",
            expected=f"at most {HELD:g} s of CPU time between two awaits; longer work in a thread",
            got=f"{told}, each of {ROUNDS} times",
        )

    def test_the_environment_is_not_read(self, wire: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        """Key and base URL come with the context; an SDK that looks for them elsewhere is told otherwise."""
        for name in wire.plugin.key_variables:
            monkeypatch.setenv(name, DECOY)
        if wire.plugin.base_url_variable is not None:
            monkeypatch.setenv(wire.plugin.base_url_variable, f"https://{DECOY}.invalid")
        for name in PROXIES:
            monkeypatch.setenv(name, "http://127.0.0.1:9")

        async def work(opened: Opened) -> None:
            with calmly(
                "no-environment", expected="key, base URL and proxies of the environment play no part"
            ):
                sold = await opened.bought()
                await opened.fetch(sold.ref)
            used = [str(one) for one in opened.sent if DECOY in f"{one.url} {one.headers}"]
            require(
                not used, "no-environment", expected="the context's key and base URL", got=", ".join(used)
            )

        wire.run(work)

    def test_nothing_is_left_open(self, wire: Bench) -> None:
        """Sockets, tasks, files."""

        async def whole() -> None:
            async with wire.opened() as opened:
                sold = await opened.bought()
                await opened.fetch(sold.ref)
                with suppress(ProviderError):
                    await opened.cancel(sold.ref)
            for _ in range(TURNS):
                await asyncio.sleep(0)
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            names = ", ".join(str(task.get_coro()) for task in tasks)
            require(not tasks, "closing", expected="no task after aclose", got=names)
            check_manners(opened.watch)

        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always", ResourceWarning)
            in_a_loop(whole)
            gc.collect()
        left = [str(one.message) for one in seen if issubclass(one.category, ResourceWarning)]
        require(not left, "closing", expected="nothing left for the garbage collector", got="; ".join(left))

    def test_it_opens_in_a_second_loop(self, wire: Bench) -> None:
        """A web server's worker, a notebook, a second client: nothing may be tied to the first loop."""

        async def buy(opened: Opened) -> Ref:
            sold = await opened.bought()
            await opened.fetch(sold.ref)
            return sold.ref

        first = wire.run(buy)
        with calmly("two-loops", expected="it works in a second loop after the first has ended"):
            second = wire.run(buy)
        require(first.job_id != second.job_id, "two-loops", expected="two jobs", got=f"{first.job_id} twice")

    def test_two_accounts_do_not_mix(self, wire: Bench) -> None:
        """Two clients with two keys may run side by side."""
        key = wire.key
        if key is None:
            pytest.skip("this provider needs no key")

        async def whole() -> None:
            async with wire.opened() as first, wire.opened(key=f"{key}-other") as second:
                await first.bought()
                await second.bought()
                await first.bought()
            mixed = [one for one in first.sent if _carries(one, f"{key}-other")]
            own = [one for one in second.sent if _carries(one, f"{key}-other")]
            require(
                not mixed and len(own) == len(second.sent),
                "two-loops",
                expected="each opened provider sends its own key",
                got=f"{len(mixed)} with the other's key, {len(second.sent) - len(own)} without their own",
            )

        in_a_loop(whole)


def _held_by_calls(bench: Bench) -> dict[str, float]:
    """For each call of a provider opened anew, the longest time between two awaits, in seconds of CPU."""
    held: dict[str, float] = {}
    seen: list[Opened] = []

    async def work(opened: Opened) -> None:
        seen.append(opened)
        held["open"] = opened.watch.held
        async for call in _calls(opened):
            held[call] = opened.watch.held
            opened.watch.held = 0.0

    bench.run(work)
    held["aclose"] = seen[0].watch.held
    return held


async def _calls(opened: Opened) -> AsyncIterator[str]:
    """Each thing that a provider can be asked, once."""
    bench, provider = opened.bench, opened.provider
    opened.watch.held = 0.0
    sold = await opened.bought()
    yield "submit"
    await opened.fetch(sold.ref)
    yield "fetch"
    if bench.server is None:
        return
    bench.pass_time(LONG)
    await opened.fetch(sold.ref)
    yield "fetch of a finished job"
    await opened.cancel(sold.ref)
    yield "cancel"
    with opened.watch.on():
        provider.explain(_SERVER_ERROR)
    yield "explain"
    if isinstance(provider, Finds):
        await opened.free(lambda: provider.find(bench.clock.now() - timedelta(days=1)))
        yield "find"
    if isinstance(provider, Uploads):
        picture = bench.samples.picture
        await opened.free(lambda: provider.upload(picture, content_type="image/png", filename="frame.png"))
        yield "upload"


def _carries(one: Sent, key: str) -> bool:
    return any(key in value for value in one.headers.values())


def _attributes(provider: object) -> str:
    """What a dump of the provider would show: its own attributes, not the SDK's."""
    found = getattr(provider, "__dict__", {})
    return repr(
        {name: value for name, value in found.items() if isinstance(value, str | bytes | dict | list | tuple)}
    )


def _texts(opened: Opened, sale: Sale) -> Iterator[str]:
    yield repr(sale.submission)
    if sale.error is not None:
        yield from all_told(sale.error)
        with suppress(Exception):
            yield repr(opened.verdict(sale).failure)
