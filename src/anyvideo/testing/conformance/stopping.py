"""Cancel: stops the bill, destroys nothing, can be confirmed."""

from __future__ import annotations

import pytest

from anyvideo.provider import JobStatus
from anyvideo.testing.conformance.bench import JOB_SECONDS, Bench
from anyvideo.testing.conformance.following import LONG
from anyvideo.testing.conformance.opened import Opened
from anyvideo.testing.conformance.rules import calmly, require


class Stopping:
    """What a cancel does."""

    def test_cancel_does_what_is_declared(self, wire: Bench) -> None:
        """Stopped and confirmed; or, where the vendor cannot, left alone."""

        async def work(opened: Opened) -> None:
            sold = await opened.bought()
            wire.pass_time(JOB_SECONDS / 2)
            before = len(opened.sent)
            with calmly("cancel", expected=f"cancel of a running job, declared {wire.plugin.cancels!r}"):
                await opened.cancel(sold.ref)
            asked = len(opened.sent) - before
            require(
                asked <= 1, "cancel", expected="one request; the engine confirms", got=f"{asked} requests"
            )
            state = wire.charge(sold.ref).state
            if wire.plugin.cancels == "none":
                require(state == "accepted", "cancel", expected="cancels='none' stops nothing", got=state)
                return
            require(state == "canceled", "cancel", expected="the vendor has stopped the job", got=state)
            confirmed = await opened.fetch(sold.ref)
            require(
                confirmed.status is JobStatus.CANCELED or confirmed.gone,
                "cancel",
                expected="the next fetch says canceled, or gone",
                got=confirmed.status,
            )
            with calmly("cancel", expected="a second cancel is harmless"):
                await opened.cancel(sold.ref)

        wire.run(work)

    def test_cancel_of_a_finished_job_is_harmless(self, wire: Bench) -> None:
        """The race between the last look and the cancel happens; it must not look like a failure."""
        if wire.plugin.cancels == "none":
            pytest.skip("cancels='none': the engine never asks")

        async def work(opened: Opened) -> None:
            sold = await opened.bought()
            wire.pass_time(LONG)
            with calmly("cancel", expected="no error when the job has ended before"):
                update = await opened.cancel(sold.ref)
            failed = update.status is JobStatus.FAILED and not update.gone
            require(not failed, "cancel", expected="not a failure", got=update.status)
            if wire.plugin.cancels == "stops":
                after = await opened.fetch(sold.ref)
                require(
                    after.status is JobStatus.SUCCEEDED and after.outputs,
                    "cancel",
                    expected="a finished job keeps its file; a vendor whose cancel deletes it is declared"
                    " cancels='may_delete_output'",
                    got="it is gone" if after.gone else f"{after.status}, {len(after.outputs)} outputs",
                )

        wire.run(work)
