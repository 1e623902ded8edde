"""What a provider makes of deliveries: the vendor's own, somebody else's, old ones, broken ones."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final, cast

import pytest
from pydantic import SecretStr

from anyvideo.net.scopes import free_call
from anyvideo.provider import BadDelivery, Delivery, Notice, ReceivesWebhooks, Ref, Update
from anyvideo.testing.conformance.bench import JOB_SECONDS, Bench
from anyvideo.testing.conformance.buying import said_in
from anyvideo.testing.conformance.following import LONG, STRANGE
from anyvideo.testing.conformance.opened import CALLBACK, Opened
from anyvideo.testing.conformance.rules import all_told, broken, calmly, require

WINDOW: Final = 300.0
DAY: Final = 86_400.0
ODD: Final = ("", " ", "\u0661\u0667", "v1,\u00e9", "v1,%%%", "-1", "9" * 40, "v1,x " * 2000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """The vendor's side of one look at a job: the look, and the answer from which deliveries are made."""

    opened: Opened
    ref: Ref
    update: Update
    answer: Mapping[str, Any] = field(repr=False)

    def delivery(self, *, age: float = 0.0, secret: str | None = None) -> Delivery:
        """Signed `age` seconds ago."""
        samples = self.opened.bench.samples
        assert samples.deliver is not None
        at = self.opened.bench.clock.now() - timedelta(seconds=age)
        return samples.deliver(self.answer, secret or samples.webhook_secret, at)

    def told(
        self, delivery: Delivery, *, window: float = WINDOW, secrets: Sequence[str] | None = None
    ) -> Notice:
        """What the provider reads in it. Breaks `webhooks` when something is sent for that."""
        bench, before = self.opened.bench, len(self.opened.sent)
        given = [bench.samples.webhook_secret] if secrets is None else secrets
        try:
            with self.opened.watch.on():
                return cast(ReceivesWebhooks, self.opened.provider).receive(
                    delivery, secrets=[SecretStr(one) for one in given], now=bench.clock.now(), window=window
                )
        finally:
            sent = self.opened.sent[before:]
            require(
                not sent, "webhooks", expected="nothing is sent for a delivery", got=", ".join(map(str, sent))
            )

    def refused(self, delivery: Delivery, what: str, **how: Any) -> str:
        """What is said when it is refused. Breaks `webhooks` when it is believed, or fails otherwise."""
        believed: Notice | None = None
        said = ""
        try:
            believed = self.told(delivery, **how)
        except BadDelivery as error:
            said = "\n".join(all_told(error))
        except Exception as error:  # noqa: BLE001 - the rule says which
            broken("webhooks", expected=f"BadDelivery for {what}", got=type(error).__name__, cause=error)
        require(believed is None, "webhooks", expected=f"BadDelivery for {what}", got="it is believed")
        return said


class Webhooks:
    """Claimed by having `receive`; the samples say how the vendor signs."""

    def test_webhooks_have_samples(self, wire: Bench) -> None:
        """Who trusts a signature must show one."""

        async def work(opened: Opened) -> None:
            claimed, shown = isinstance(opened.provider, ReceivesWebhooks), wire.samples.deliver is not None
            require(
                claimed == shown,
                "webhooks",
                expected="`receive` and Samples(deliver=…) that signs as the vendor does, or neither",
                got=f"receive: {claimed}, deliver: {shown}",
            )

        wire.run(work)

    def test_a_callback_address_reaches_the_vendor(self, wire: Bench) -> None:
        """Without it nothing would ever be delivered."""

        async def work(opened: Opened) -> None:
            _claimed(opened)
            if not wire.samples.callback:
                pytest.skip("this vendor posts to an address of the account")
            order = replace(await opened.any_order(), callback_url=CALLBACK)
            sale = await opened.sell(order)
            require(
                sale.submission is not None and any(CALLBACK in str(value) for value in said_in(sale)),
                "webhooks",
                expected="submit sends order.callback_url where there is one, and the vendor takes it",
                got=repr(sale.error) if sale.error else "it is not in the request",
            )

        wire.run(work)

    def test_a_delivery_says_what_a_poll_says(self, wire: Bench) -> None:
        """The same job, the same words, the same update; also for a word that nobody knows."""

        async def work(opened: Opened) -> None:
            _claimed(opened)
            async for post in _looks(opened):
                with calmly("webhooks", expected=f"a signed delivery of {post.update.native!r} is believed"):
                    notice = post.told(post.delivery())
                    again = post.told(post.delivery())
                require(
                    _plain(notice.update) == _plain(post.update) and notice.ref.job_id == post.ref.job_id,
                    "webhooks",
                    expected=f"what a poll says: {post.ref.job_id}, {_plain(post.update)}",
                    got=f"{notice.ref.job_id}, {_plain(notice.update)}",
                )
                require(notice == again, "webhooks", expected="the same delivery, the same notice", got=again)
                looked = await opened.fetch(notice.ref)
                require(not looked.gone, "webhooks", expected="the notice's Ref can be fetched", got="gone")

        wire.run(work)

    def test_a_forged_delivery_is_refused(self, wire: Bench, caplog: pytest.LogCaptureFixture) -> None:
        """Anyone who learns the address can post to it; what is said then helps nobody to do better."""
        secret, other = wire.samples.webhook_secret, _another(wire.samples.webhook_secret)
        said: list[str] = []
        right: list[str] = []

        async def work(opened: Opened) -> None:
            _claimed(opened)
            mine, theirs = await _ended(opened), await _ended(opened)
            true, foreign = mine.delivery(), mine.delivery(secret=other)
            right.extend(text for name, text in true.headers.items() if text != foreign.headers.get(name))
            for body, what in (
                (theirs.delivery().body, "the body of another delivery"),
                (true.body + b"\n", "a body with one byte more, which reads the same"),
                (true.body[:-1], "a body that was cut"),
                (b"", "an empty body"),
                (b"\xff\xfe", "a body that is no text"),
            ):
                said.append(mine.refused(replace(true, body=body), what))
            said.append(mine.refused(foreign, "a signature by another secret"))
            said.append(mine.refused(true, "any delivery while there is no secret", secrets=()))
            said.append(mine.refused(replace(true, headers={}), "a delivery without headers"))

        with caplog.at_level(logging.DEBUG):
            wire.run(work)
        said.extend(record.getMessage() for record in caplog.records)
        hidden = [("the secret", text) for text in (secret, secret.rpartition("_")[2])]
        hidden += [("the signature that would have been right", text) for text in right]
        for what, text in hidden:
            leaked = any(text in one for one in said)
            require(not leaked, "webhooks", expected=f"{what} in no error and no log line", got="it is there")

    def test_odd_headers_are_refused_or_play_no_part(self, wire: Bench) -> None:
        """One error for every form of nonsense: a receiver must not fall over."""

        async def work(opened: Opened) -> None:
            _claimed(opened)
            post = await _ended(opened)
            true = post.delivery()
            usual = post.told(true)
            for changed, what in _odd(true):
                try:
                    notice = post.told(changed)
                except BadDelivery:
                    continue
                except Exception as error:  # noqa: BLE001 - the rule says which
                    got = type(error).__name__
                    broken("webhooks", expected=f"BadDelivery for {what}", got=got, cause=error)
                require(
                    notice == usual,
                    "webhooks",
                    expected=f"a header is signed, or changes nothing ({what})",
                    got=f"another notice: {notice.id}, {notice.update.status}",
                )

        wire.run(work)

    def test_time_is_judged_by_the_window(self, wire: Bench) -> None:
        """A delivery that somebody kept is refused, a clock that is a little off is not."""

        async def work(opened: Opened) -> None:
            _claimed(opened)
            post = await _ended(opened)
            for age, window in ((WINDOW / 2, WINDOW), (-WINDOW / 2, WINDOW), (DAY, DAY + WINDOW)):
                with calmly("webhooks", expected=f"a delivery {age:+g} s old counts, window {window:g} s"):
                    post.told(post.delivery(age=age), window=window)
            for age, window in ((WINDOW + 2, WINDOW), (-WINDOW - 2, WINDOW), (DAY, WINDOW), (60.0, 30.0)):
                what = f"a delivery {age:+g} s old, window {window:g} s"
                post.refused(post.delivery(age=age), what, window=window)
            old, fresh = post.delivery(age=DAY), post.delivery()
            changed = [name for name, text in fresh.headers.items() if text != old.headers.get(name)]
            for name in changed if len(changed) > 1 else ():
                headers = {**old.headers, name: fresh.headers[name]}
                post.refused(replace(old, headers=headers), f"an old delivery with a new {name}")

        wire.run(work)

    def test_two_secrets_are_in_force_while_one_is_changed(self, wire: Bench) -> None:
        """A secret is replaced without a delivery being lost."""

        async def work(opened: Opened) -> None:
            _claimed(opened)
            own = wire.samples.webhook_secret
            post = await _ended(opened)
            for secrets in ((own, _another(own)), (_another(own), own)):
                with calmly("webhooks", expected="a signature by any of the secrets in force"):
                    post.told(post.delivery(), secrets=secrets)

        wire.run(work)


def _claimed(opened: Opened) -> None:
    if not isinstance(opened.provider, ReceivesWebhooks) or opened.bench.samples.deliver is None:
        pytest.skip("this provider does not receive webhooks")


async def _looks(opened: Opened) -> AsyncIterator[Post]:
    """Jobs as they run, as they end, and in a word that nobody has ever heard."""
    wire, name = opened.bench, opened.bench.plugin.name
    sold = await opened.bought()
    wire.pass_time(JOB_SECONDS / 2)
    yield await _look(opened, sold.ref)
    wire.vendor.fault(name, "unknown_status", times=1, word=STRANGE)
    yield await _look(opened, sold.ref)
    yield await _ended(opened)
    for fault in ("failed", "moderated_output"):
        wire.vendor.fault(name, fault, times=1)
        yield await _ended(opened)
    if wire.plugin.cancels == "stops":
        sold = await opened.bought()
        await opened.cancel(sold.ref)
        yield await _look(opened, sold.ref)


async def _ended(opened: Opened) -> Post:
    sold = await opened.bought()
    opened.bench.pass_time(LONG)
    return await _look(opened, sold.ref)


async def _look(opened: Opened, ref: Ref) -> Post:
    async with free_call() as record:
        with opened.watch.on():
            update = await opened.provider.fetch(ref)
    answer = record.reply.body if record.reply else None
    what = "polls that are answered with a JSON object, from which samples make deliveries"
    require(isinstance(answer, dict), "webhooks", expected=what, got=type(answer).__name__)
    assert isinstance(answer, dict)
    return Post(opened=opened, ref=ref, update=update, answer=answer)


def _odd(true: Delivery) -> Iterator[tuple[Delivery, str]]:
    """The delivery with one header that is missing, or says something else."""
    for name, value in true.headers.items():
        rest = {other: text for other, text in true.headers.items() if other != name}
        yield replace(true, headers=rest), f"a delivery without {name}"
        for odd in (*ODD, value[:-1], f"{value}0", f"{value},{value}", f"{value} "):
            yield replace(true, headers={**rest, name: odd}), f"{name} = {odd[:40]!r}"


def _plain(update: Update) -> tuple[object, ...]:
    """What a delivery and a poll must agree on. The vendor may have another word for each."""
    failure = update.failure
    return (
        str(update.status),
        update.known_word,
        [output.url for output in update.outputs],
        None if failure is None else (failure.kind, failure.charged),
    )


def _another(secret: str) -> str:
    """A secret of the same form."""
    head, mark, tail = secret.rpartition("_")
    text = tail.rstrip("=")
    return f"{head}{mark}{text[1:]}{text[:1]}{tail[len(text) :]}"
