"""What a provider claims to be able to do beside the four calls: uploads, lists, descriptions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from anyvideo.jobs.reconcile import matches
from anyvideo.net.wire import RefusedByVendor
from anyvideo.provider import Describes, Finds, ModelUnavailable, Order, ProviderError, Ref, Uploads
from anyvideo.settings import Windows
from anyvideo.testing.conformance.bench import Bench
from anyvideo.testing.conformance.opened import CALLBACK, TAG, Opened
from anyvideo.testing.conformance.rules import broken, calmly, require
from anyvideo.types.job import Attempt
from anyvideo.types.money import Quote
from anyvideo.types.states import AttemptState

NO_SUCH_MODEL: Final = "conformance/no-such-model"
MANY: Final = 250
"""More jobs than a vendor tells on one page."""


class Abilities:
    """Claimed by having the method."""

    def test_uploads(self, wire: Bench) -> None:
        """An address comes back, and the media rules bound what is uploaded."""

        async def work(opened: Opened) -> None:
            claimed = isinstance(opened.provider, Uploads)
            require(
                claimed == (wire.plugin.media.upload_bytes is not None),
                "uploads",
                expected="`upload` and MediaRules.upload_bytes, or neither",
                got=f"upload: {claimed}, upload_bytes: {wire.plugin.media.upload_bytes}",
            )
            if not isinstance(opened.provider, Uploads):
                pytest.skip("this provider does not upload")
            provider = opened.provider
            with calmly("uploads", expected="a small PNG is taken"):
                address = await opened.free(
                    lambda: provider.upload(
                        wire.samples.picture, content_type="image/png", filename="frame.png"
                    )
                )
            require(
                "://" in str(address),
                "uploads",
                expected="an address to put into an order",
                got=address,
            )

        wire.run(work)

    def test_recovery_is_what_the_provider_can_do(self, wire: Bench) -> None:
        """Who declares listing must list; who lists should say so, or lost submits stay held for nothing."""

        async def work(opened: Opened) -> None:
            lists = isinstance(opened.provider, Finds)
            kind = wire.plugin.recovery.kind
            require(
                lists == (kind in ("listing", "tag")),
                "listing",
                expected="`find` and recovery by listing or tag, or neither",
                got=f"find: {lists}, recovery: {kind}",
            )

        wire.run(work)

    def test_listing_finds_a_lost_submit(self, wire: Bench) -> None:
        """The engine looks for a job of which it knows nothing but what it ordered, and when."""

        async def work(opened: Opened) -> None:
            provider = opened.provider
            if not isinstance(provider, Finds):
                pytest.skip("this provider does not list")
            older = (await opened.bought()).ref
            wire.pass_time(3600.0)
            since = wire.clock.now() - timedelta(seconds=1)
            order = await opened.any_order()
            refs = []
            for _ in range(3):
                refs.append((await opened.bought(order)).ref)
                wire.pass_time(1.0)
            with calmly("listing", expected="find answers"):
                found = await opened.free(lambda: provider.find(since))
            ids = [one.ref.job_id for one in found]
            require(
                ids == [ref.job_id for ref in reversed(refs)],
                "listing",
                expected="each job since then once, newest first, and none from before",
                got=f"{len(ids)} jobs, the older one among them: {older.job_id in ids}",
            )
            own = matches(_attempt(wire, order), order.spec, found, Windows())
            require(
                [one.ref.job_id for one in own] == [ref.job_id for ref in refs],
                "listing",
                expected=f"listed jobs have the order's inputs {dict(order.fit.inputs)} and the model's word",
                got=f"{dict(found[0].inputs)}, {found[0].ref.model!r}",
            )
            _check_follows(refs[0], (await opened.fetch(found[-1].ref)).gone)

        wire.run(work)

    def test_a_list_echoes_the_callback_address(self, wire: Bench) -> None:
        """Where it does, its last part is our tag, which tells a lost submit from an equal one."""

        async def work(opened: Opened) -> None:
            provider = opened.provider
            if not isinstance(provider, Finds) or not wire.plugin.recovery.echoes_callback:
                pytest.skip("recovery.echoes_callback is not declared")
            since = wire.clock.now() - timedelta(seconds=1)
            order = await opened.any_order()
            told = replace(order, callback_url=f"{CALLBACK}/{order.tag}")
            other = replace(order, callback_url=f"{CALLBACK}/other")
            lost = [(await opened.bought(one)).ref.job_id for one in (other, told, order)][1]
            found = await opened.free(lambda: provider.find(since))
            own = matches(replace(_attempt(wire, order), tagged=True), order.spec, found, Windows())
            require(
                [one.ref.job_id for one in own] == [lost],
                "listing",
                expected=f"the one job that was told {told.callback_url!r} has the tag {order.tag!r}",
                got=f"tags {[one.tag for one in found]}",
            )

        wire.run(work)

    def test_a_list_that_fails_raises(self, wire: Bench) -> None:
        """An empty list would be taken as proof that the vendor took nothing."""

        async def work(opened: Opened) -> None:
            provider = opened.provider
            if not isinstance(provider, Finds):
                pytest.skip("this provider does not list")
            wire.vendor.fault(wire.plugin.name, "list_500", times=1)
            try:
                found = await opened.free(lambda: provider.find(wire.clock.now()))
            except (ProviderError, RefusedByVendor):
                return
            broken(
                "listing", expected="find raises when the vendor does not answer", got=f"{len(found)} jobs"
            )

        wire.run(work)

    def test_a_long_list_is_read_to_its_end(self, wire: Bench) -> None:
        """What is on a page that was not read would be taken for something that the vendor never took."""

        async def work(opened: Opened) -> None:
            provider = opened.provider
            if not isinstance(provider, Finds):
                pytest.skip("this provider does not list")
            wire.pass_time(3600.0)
            since, jobs = wire.clock.now() - timedelta(seconds=1), wire.vendor.world.jobs
            sold = jobs[(await opened.bought()).ref.job_id]
            ids = [sold.id, *(f"{sold.id}-{number}" for number in range(MANY))]
            jobs.update({one: replace(sold, id=one) for one in ids[1:]})
            try:
                found = await opened.free(lambda: provider.find(since))
            except (ProviderError, RefusedByVendor):
                return
            finally:
                for one in ids[1:]:
                    del jobs[one]
            told = {one.ref.job_id for one in found}
            require(
                told == set(ids),
                "listing",
                expected=f"all {len(ids)} jobs since then, or an error",
                got=f"{len(told)} of them",
            )

        wire.run(work)

    def test_describing(self, wire: Bench) -> None:
        """A model without a pinned version needs to know the newest one before it buys."""

        async def work(opened: Opened) -> None:
            provider = opened.provider
            models = [spec for spec, _ in wire.samples.fits(wire.plugin)]
            unpinned = [spec.id for spec in models if spec.version == "latest"]
            claimed = isinstance(provider, Describes)
            require(
                claimed or not unpinned,
                "describing",
                expected="`latest_version` where models are declared with version = 'latest'",
                got=", ".join(unpinned),
            )
            if not isinstance(provider, Describes):
                pytest.skip("this provider does not describe")
            with calmly("describing", expected=f"the newest version of {models[0].slug}"):
                version = await opened.free(lambda: provider.latest_version(models[0].slug))
            require(version, "describing", expected="a version", got=version)
            try:
                nothing = await opened.free(lambda: provider.latest_version(NO_SUCH_MODEL))
            except ModelUnavailable:
                return
            broken("describing", expected="ModelUnavailable for a model that is not there", got=repr(nothing))

        wire.run(work)


def _attempt(wire: Bench, order: Order) -> Attempt:
    """The attempt that the engine would have written before the answer was lost."""
    now = wire.clock.now()
    return Attempt(
        id="conformance",
        number=1,
        model=order.spec.id,
        vendor=order.spec.vendor,
        account=None,
        fit=order.fit,
        quote=Quote(expected_micros=None, ceiling_micros=None),
        state=AttemptState.UNKNOWN,
        tag=TAG,
        created_at=now,
        sent_at=now,
    )


def _check_follows(ref: Ref, gone: bool) -> None:
    require(not gone, "listing", expected=f"the listed handle of {ref.job_id} can be fetched", got="gone")
