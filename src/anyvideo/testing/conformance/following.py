"""A job's life after the submit: polls, ends, cancel."""

from __future__ import annotations

from typing import Any

import pytest

from anyvideo.provider import Failure, JobStatus, Ref, Update
from anyvideo.testing.conformance.bench import JOB_SECONDS, Bench
from anyvideo.testing.conformance.opened import Opened
from anyvideo.testing.conformance.rules import RuleBroken, broken, calmly, require

STRANGE = "conformance_has_never_heard_of_this"
LONG = 10 * JOB_SECONDS
POLL_TROUBLE = ("poll_500", "malformed_poll", "unauthorized", "rate_limited")
FAILED_KINDS = frozenset({"GenerationFailed", "BadRequest", "ModelUnavailable", "OverCapacity"})
OPEN = (JobStatus.QUEUED, JobStatus.RUNNING)


class Following:
    """From accepted to an end."""

    def test_a_job_succeeds(self, wire: Bench) -> None:
        """Queued or running, then succeeded with an output; every word on the way is in the table."""

        async def work(opened: Opened) -> None:
            sold = await opened.bought()
            for share in (0.0, 0.1, 0.6):
                wire.pass_time(share * JOB_SECONDS)
                update = await opened.fetch(sold.ref)
                _check_known(update)
                require(
                    update.status in OPEN,
                    "life-cycle",
                    expected="queued or running while the vendor works",
                    got=update.status,
                )
                require(
                    update.progress is None or 0 <= update.progress <= 1,
                    "life-cycle",
                    expected="progress from 0 to 1",
                    got=update.progress,
                )
            wire.pass_time(LONG)
            _check_success(wire, await opened.fetch(sold.ref))

        wire.run(work)

    def test_looking_twice_changes_nothing(self, wire: Bench) -> None:
        """The same answer is the same update."""

        async def work(opened: Opened) -> None:
            sold = await opened.bought()
            wire.pass_time(JOB_SECONDS / 2)
            first, second = await opened.fetch(sold.ref), await opened.fetch(sold.ref)
            require(
                first == second, "translation", expected="two looks, one update", got=f"{first} and {second}"
            )

        wire.run(work)

    def test_the_handle_alone_finds_the_job(self, wire: Bench) -> None:
        """Another process, later: all it has is the Ref, as text."""

        async def work(opened: Opened) -> None:
            sold = await opened.bought()
            ref = _stored(sold.ref)
            wire.pass_time(LONG)
            async with wire.opened() as another:
                with calmly("handle", expected="a provider opened anew can fetch by the Ref"):
                    update = await another.fetch(ref)
            _check_success(wire, update)

        wire.run(work)

    def test_every_word_of_the_table_is_understood(self, wire: Bench) -> None:
        """Each word means what the table says, also where a simulator never says it by itself."""

        async def work(opened: Opened) -> None:
            sold = await opened.bought()
            wire.pass_time(LONG)
            for word, meaning in wire.plugin.statuses.items():
                wire.vendor.fault(wire.plugin.name, "unknown_status", times=1, word=word)
                update = await opened.fetch(sold.ref)
                empty = meaning is JobStatus.SUCCEEDED and not update.outputs
                require(
                    update.known_word
                    and update.native == word
                    and (update.status is meaning or (empty and update.status is JobStatus.FAILED)),
                    "statuses",
                    expected=f"{word!r} means {meaning}, as the table says",
                    got=f"{update.status}, native {update.native!r}, known_word {update.known_word}",
                )

        wire.run(work)

    def test_an_unknown_word_counts_as_running(self, wire: Bench) -> None:
        """A paid job must not be given up for a word that nobody has heard of."""
        wire.vendor.fault(wire.plugin.name, "unknown_status", word=STRANGE)

        async def work(opened: Opened) -> None:
            sold = await opened.bought()
            with calmly("statuses", expected="a word that nobody knows raises nothing"):
                update = await opened.fetch(sold.ref)
            require(
                update.status is JobStatus.RUNNING and not update.known_word and update.native == STRANGE,
                "statuses",
                expected=f"running, known_word=False, native={STRANGE!r}",
                got=f"{update.status}, known_word={update.known_word}, native={update.native!r}",
            )

        wire.run(work)

    @pytest.mark.parametrize("fault", POLL_TROUBLE)
    def test_a_poll_that_fails_ends_no_job(self, wire: Bench, fault: str) -> None:
        """The clip is paid for: the engine looks again."""
        params: dict[str, Any] = {} if fault in ("poll_500", "malformed_poll") else {"on": "poll"}

        async def work(opened: Opened) -> None:
            sold = await opened.bought()
            wire.vendor.fault(wire.plugin.name, fault, **params)
            before = len(opened.sent)
            try:
                update = await opened.fetch(sold.ref)
            except Exception as error:  # noqa: BLE001 - any error is right here
                _ = error
            else:
                broken("polls", expected=f"fetch raises after {fault}", got=f"{update.status}")
            wire.vendor.clear_faults()
            asked = len(opened.sent) - before
            require(asked == 1, "no-waiting", expected=f"one request, also after {fault}", got=f"{asked}")
            wire.pass_time(LONG)
            _check_success(wire, await opened.fetch(sold.ref))

        wire.run(work)

    def test_a_job_that_the_vendor_forgot_is_gone(self, wire: Bench) -> None:
        """A 404 is no failed generation: it says that there is nothing to ask any more."""
        wire.vendor.fault(wire.plugin.name, "gone")

        async def work(opened: Opened) -> None:
            sold = await opened.bought()
            with calmly("life-cycle", expected="an update with gone=True after a 404"):
                update = await opened.fetch(sold.ref)
            require(update.gone, "life-cycle", expected="gone=True after a 404", got=f"{update.status}")

        wire.run(work)

    def test_a_job_fails(self, wire: Bench) -> None:
        """With a reason, and with what the vendor bills for it."""

        async def work(opened: Opened) -> None:
            update = await _failed(wire, opened, "failed")
            assert update.failure is not None
            allowed = wire.samples.kinds_of("failed", FAILED_KINDS)
            require(
                update.failure.kind in allowed,
                "life-cycle",
                expected=f"a failed job is one of {', '.join(sorted(allowed))}",
                got=update.failure.kind,
            )
            wire.vendor.clear_faults()
            again = await _failed(wire, opened, "failed", transient=True)
            assert again.failure is not None
            told_apart = _words(update.failure) != _words(again.failure)
            require(
                again.failure.transient or not told_apart,
                "errors",
                expected=f"transient=True for {again.failure.message!r}: the vendor says so",
                got="transient=False",
            )

        wire.run(work)

    @pytest.mark.parametrize(
        ("fault", "kind"), [("moderated_input", "InputModerated"), ("moderated_output", "OutputModerated")]
    )
    def test_moderation_is_told_apart(self, wire: Bench, fault: str, kind: str) -> None:
        """Refused input goes nowhere else; a withheld output may be tried at another vendor."""

        async def work(opened: Opened) -> None:
            update = await _failed(wire, opened, fault)
            assert update.failure is not None
            (wanted,) = wire.samples.kinds_of(fault, frozenset({kind}))
            require(
                update.failure.kind == wanted and not update.failure.transient,
                "moderation",
                expected=f"{wanted}, not transient",
                got=f"{update.failure.kind} ({update.failure.message}), transient={update.failure.transient}",
            )

        wire.run(work)


def _words(failure: Failure) -> tuple[str | None, str]:
    return failure.code, failure.message


def _stored(ref: Ref) -> Ref:
    texts: list[object] = [ref.job_id, ref.model, *ref.extra, *ref.extra.values()]
    plain = all(isinstance(text, str) for text in texts)
    require(plain, "handle", expected="a Ref of text, so that it can be stored", got=ref)
    return Ref(job_id=str(ref.job_id), model=str(ref.model), extra=dict(ref.extra))


def _check_known(update: Update) -> None:
    require(
        update.known_word,
        "statuses",
        expected=f"the vendor's word {update.native!r} is in the table",
        got="known_word=False",
    )


def _check_success(wire: Bench, update: Update) -> None:
    _check_known(update)
    addresses = [output.url for output in update.outputs]
    require(
        update.status is JobStatus.SUCCEEDED and addresses and all(addresses),
        "life-cycle",
        expected="succeeded, with the address of each output",
        got=f"{update.status}, {len(addresses)} outputs, {update.failure}",
    )
    ends = [output.expires_at for output in update.outputs]
    require(
        wire.plugin.recovery.result_ttl is None or all(end is not None for end in ends),
        "expiry",
        expected="outputs say when they expire, as recovery.result_ttl declares that they do",
        got="expires_at=None",
    )
    for end in ends:
        require(
            end is None or (end.tzinfo is not None and end > wire.clock.now()),
            "expiry",
            expected="expires_at is a time in UTC that is still to come",
            got=end,
        )


async def _failed(wire: Bench, opened: Opened, fault: str, **params: Any) -> Update:
    wire.vendor.fault(wire.plugin.name, fault, times=1, **params)
    sold = await opened.bought()
    wire.pass_time(LONG)
    with calmly("life-cycle", expected=f"an update for the fault {fault}"):
        update = await opened.fetch(sold.ref)
    require(
        update.status is JobStatus.FAILED and update.failure is not None and update.failure.message.strip(),
        "life-cycle",
        expected=f"failed, with a failure that says why ({fault})",
        got=f"{update.status}, {update.failure}",
    )
    _check_charge(wire, sold.ref, update)
    return update


def _check_charge(wire: Bench, ref: Ref, update: Update) -> None:
    billed = wire.billed(ref)
    assert update.failure is not None
    if billed is None:
        return
    says = {"yes": billed > 0, "no": billed == 0}.get(update.failure.charged or "unknown", True)
    require(
        says,
        "charges",
        expected=f"charged agrees with a bill of ${billed}",
        got=f"{update.failure.kind} with charged={update.failure.charged}",
    )
    cost = update.reported_cost
    if cost is not None and cost.amount != billed:
        raise RuleBroken("costs", expected=f"a reported cost of ${billed}, the bill", got=f"${cost.amount}")
