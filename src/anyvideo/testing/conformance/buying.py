"""The submit: what is sent, how often, and what must be written down before."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import unquote_plus

import pytest

from anyvideo.net.wire import LastCheck, Timeouts
from anyvideo.provider import NotAccepted, Order
from anyvideo.testing.conformance.bench import Bench
from anyvideo.testing.conformance.opened import Opened, Sale
from anyvideo.testing.conformance.rules import RuleBroken, require, told
from anyvideo.testing.simulator.faults import FAULTS

LOST = ("disconnect_before_accept", "disconnect_after_accept", "malformed_body")
"""Faults after which nobody can tell whether the job was taken."""

SUBMIT_FAULTS = tuple(name for name, fault in FAULTS.items() if fault.stage in ("create", "answer"))
SHORT = Timeouts(connect=5.0, submit=0.25, free=5.0, outputs=5.0)


class Buying:
    """One submit, one POST."""

    def test_a_submit_is_one_post(self, wire: Bench) -> None:
        """Nothing else reaches the vendor: no look before, no poll after."""

        async def work(opened: Opened) -> None:
            for spec, fit in wire.samples.fits(wire.plugin):
                order = await opened.order(spec, fit)
                _check_one_post(await opened.sell(order), f"{spec.id}, {fit.task}")

        wire.run(work)

    @pytest.mark.parametrize("fault", SUBMIT_FAULTS)
    def test_a_submit_is_one_post_under(self, wire: Bench, fault: str) -> None:
        """Whatever the vendor answers, or does not."""
        if fault == "slow_answer":
            wire.vendor.fault(wire.plugin.name, fault, times=1, seconds=0.6)
        else:
            wire.vendor.fault(wire.plugin.name, fault, times=1)

        async def work(opened: Opened) -> None:
            order = await opened.any_order()
            _check_one_post(await opened.sell(order), f"the fault {fault}")

        wire.run(work, timeouts=SHORT if fault == "slow_answer" else Timeouts())

    def test_nothing_leaves_before_w2(self, wire: Bench) -> None:
        """The engine writes the attempt down while the POST waits."""

        async def work(opened: Opened) -> None:
            sale = await opened.sell(await opened.any_order())
            require(
                len(sale.hashes) == 1 and not sale.arrived_early,
                "write-ahead",
                expected="before_send awaited once, with nothing at the vendor yet",
                got=f"awaited {len(sale.hashes)} times, {sale.arrived_early} requests had arrived",
            )

        wire.run(work)

    def test_what_before_send_raises_stops_the_submit(self, wire: Bench) -> None:
        """The lease may be lost, the budget gone: then nothing is sent and the submit says so."""

        async def refuse(_: str) -> LastCheck | None:
            raise NotAccepted("the engine says no")

        async def work(opened: Opened) -> None:
            sale = await opened.sell(await opened.any_order(), before_send=refuse)
            require(
                sale.submission is None and not sale.arrived,
                "write-ahead",
                expected="what before_send raises comes out of submit, and nothing reaches the vendor",
                got=f"{sale.arrived} requests, {_outcome(sale)}",
            )

        wire.run(work)

    @pytest.mark.parametrize("fault", LOST)
    def test_a_lost_answer_is_no_answer(self, wire: Bench, fault: str) -> None:
        """Taken or not: only the engine may decide what becomes of it."""
        wire.vendor.fault(wire.plugin.name, fault, times=1)

        async def work(opened: Opened) -> None:
            sale = await opened.sell(await opened.any_order())
            require(
                sale.submission is None,
                "lost-answers",
                expected=f"submit raises after {fault}",
                got=_outcome(sale),
            )
            fate = opened.verdict(sale).fate.value
            require(
                fate == "ambiguous",
                "lost-answers",
                expected=f"the engine can tell that nobody knows what became of it, after {fault}",
                got=f"the error makes it {fate}: {_outcome(sale)}",
            )

        wire.run(work)

    def test_what_was_planned_is_what_is_sent(self, wire: Bench) -> None:
        """The hold was taken for exactly this; an address that nobody gave is never sent."""

        async def work(opened: Opened) -> None:
            for spec, fit in wire.samples.fits(wire.plugin):
                order = await opened.order(spec, fit)
                sale = await opened.sell(order)
                said = list(said_in(sale))
                missing = [name for name, value in order.inputs.items() if not _is_said(value, said)]
                require(
                    not missing,
                    "whole-order",
                    expected=f"{spec.id}: every input of the order is in the request",
                    got=f"not there: {', '.join(missing)}",
                )
                given = {str(value) for value in (*order.inputs.values(), wire.base_url)}
                invented = [text for text in said if _is_address(text) and text not in given]
                require(
                    not invented,
                    "whole-order",
                    expected=f"{spec.id}: no address that the order does not have",
                    got=", ".join(map(str, invented)),
                )

        wire.run(work)

    def test_the_same_order_is_the_same_bytes(self, wire: Bench) -> None:
        """The body's hash is kept to recognize a submit; an order is left as it came."""

        async def work(opened: Opened) -> None:
            order = await opened.any_order()
            before = _frozen(order)
            first = await opened.sell(order)
            wire.pass_time(7.0)
            second = await opened.sell(replace(order))
            require(
                _frozen(order) == before,
                "translation",
                expected="the order is left as it came",
                got="submit changed it",
            )
            require(
                first.hashes == second.hashes,
                "translation",
                expected="the same order makes the same body, whenever it is sent",
                got="two bodies that differ",
            )

        wire.run(work)


def _check_one_post(sale: Sale, when: str) -> None:
    posts = [one for one in sale.sent if one.method not in ("GET", "HEAD", "OPTIONS")]
    if len(sale.sent) == len(posts) == sale.record.posts == 1 and sale.arrived <= 1:
        return
    if sale.arrived > len(sale.sent):
        raise RuleBroken(
            "transport",
            expected=f"every request of a submit goes through ctx.http or ctx.transport ({when})",
            got=f"{len(sale.sent)} went through it and {sale.arrived} reached the vendor",
        )
    sent = ", ".join(map(str, sale.sent)) or f"nothing; {_outcome(sale)}"
    raise RuleBroken("one-post", expected=f"one POST and nothing else ({when})", got=sent)


def _outcome(sale: Sale) -> str:
    if sale.submission is not None:
        return f"a submission: {sale.submission.ref}, {sale.submission.update.status}"
    return told(sale.error) if sale.error is not None else "nothing"


def said_in(sale: Sale) -> Iterator[object]:
    """Every value in what was sent."""
    for one in sale.sent:
        text = one.content.decode("utf-8", "replace")
        try:
            yield from _leaves(json.loads(text))
        except ValueError:
            yield unquote_plus(text)
        yield unquote_plus(one.url.partition("?")[2])


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value


def _is_said(value: object, said: list[object]) -> bool:
    if value is None or value in said:
        return True
    text = str(value)
    return any(isinstance(one, str) and text in one for one in said)


def _is_address(value: object) -> bool:
    return isinstance(value, str) and value.startswith(("https://", "http://"))


def _frozen(order: Order) -> Any:
    return json.dumps(
        {
            "media": dict(order.media),
            "fit": dict(order.fit.inputs),
            "tag": order.tag,
            "slug": order.spec.slug,
        },
        sort_keys=True,
    ), asdict(order.fit)["prompt"]
