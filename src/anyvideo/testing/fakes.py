"""A provider that a test writes as a script: for applications, whose tests must not know any vendor."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, Self

from anyvideo.testing.cassettes.clip import clip

if TYPE_CHECKING:
    from anyvideo.catalog.spec import ModelSpec
    from anyvideo.provider import (
        Cost,
        Order,
        ProviderContext,
        ProviderPlugin,
        Ref,
        Reply,
        Submission,
        Update,
    )
    from anyvideo.types.errors import ProviderError
    from anyvideo.types.job import Failure

RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9")
RESOLUTIONS = ("480p", "540p", "720p", "1080p", "4k")
PRICE = Decimal("0.10")

_Ending = Literal["succeeds", "fails", "refuses", "loses", "hangs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What becomes of one order. `polls`: the poll that says so; `duration` None: as long as ordered."""

    ending: _Ending
    polls: int = 1
    duration: float | None = None
    cost: Decimal | None = None
    error: ProviderError | None = None


@dataclass(slots=True)
class _FakeJob:
    step: Step
    order: Order
    polls: int = 0
    canceled: bool = False


class FakeProvider:
    """One provider with one model, `NAME/video`, that takes every request; `NAME` in a route means it.

    Each of the scripting methods adds what becomes of one more order and returns the provider; the last one
    holds for all that follow, and without any, every order succeeds. `orders` and `canceled` (job ids) tell
    what was asked of it. A clip costs ten cents where the test does not say otherwise.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.model = f"{name}/video"
        self.orders: list[Order] = []
        self.canceled: list[str] = []
        self._price = PRICE
        self._steps: list[Step] = []

    def succeeds(
        self, *, duration: float | None = None, polls: int = 1, cost: str | Decimal | None = None
    ) -> Self:
        """A real MP4 of `duration` seconds; `cost` in dollars is what the vendor reports."""
        return self._add(Step(ending="succeeds", duration=duration, polls=polls, cost=_dollars(cost)))

    def fails(self, error: ProviderError, *, polls: int = 1, cost: str | Decimal = "0") -> Self:
        """The order is taken and the job ends with this error; it costs nothing unless `cost` says so."""
        return self._add(Step(ending="fails", error=error, polls=polls, cost=_dollars(cost)))

    def refuses(self, error: ProviderError) -> Self:
        """The order is turned down with this error: nothing is started, nothing charged."""
        return self._add(Step(ending="refuses", error=error))

    def loses_the_answer(self) -> Self:
        """The order is sent and no answer comes: nobody can tell whether it was taken."""
        return self._add(Step(ending="loses"))

    def hangs(self) -> Self:
        """The job runs and never ends, unless it is canceled."""
        return self._add(Step(ending="hangs"))

    def costs(self, dollars: str | Decimal) -> Self:
        """The declared price of a clip, which plans quote and budgets hold."""
        self._price = Decimal(dollars)
        return self

    def plugin(self) -> ProviderPlugin:
        """What a client is given: `Plugins.of(fake.plugin())`."""
        from anyvideo.provider import Catalog, JobStatus, MediaRules, ProviderPlugin, Recovery

        return ProviderPlugin(
            name=self.name,
            vendor=self.name,
            catalog=Catalog(provider=self.name, models=(self._spec(),)),
            recovery=Recovery(kind="nothing"),
            open=lambda context: _Backend(self, context),
            statuses={str(status): status for status in JobStatus},
            media=MediaRules(data_uri_bytes=100 * 1024 * 1024),
            cancels="stops",
        )

    def step(self) -> Step:
        """What becomes of the order that was just taken in."""
        number = min(len(self.orders), len(self._steps)) - 1
        return self._steps[number] if self._steps else Step(ending="succeeds")

    def _add(self, step: Step) -> Self:
        self._steps.append(step)
        return self

    def _spec(self) -> ModelSpec:
        from anyvideo.catalog.spec import Length, ModelSpec, ModelStatus, Price, PriceUnit, Shape, Size
        from anyvideo.provider import Task

        checked, source = date(2026, 1, 1), "a test's own words"
        sizes = tuple(
            Size(
                ratio=ratio,
                resolution=resolution,
                pixels=None,
                inputs={"ratio": ratio, "resolution": resolution},
            )
            for resolution in RESOLUTIONS
            for ratio in RATIOS
        )
        words = ("prompt", "negative_prompt", "image", "seed", "audio")
        return ModelSpec(
            id=self.model,
            vendor=self.name,
            family=self.name,
            slug="video",
            version=None,
            version_variable=None,
            official=True,
            tasks=(Task.TEXT_TO_VIDEO, Task.IMAGE_TO_VIDEO),
            status=ModelStatus.ACTIVE,
            retires=None,
            replacement=None,
            checked=checked,
            source=source,
            inputs={word: word for word in words},
            required=frozenset(),
            constants={},
            length=Length(input="duration", minimum=1, maximum=60, step=0, default=5),
            shape=Shape(sizes=sizes, default_ratio="16:9", default_resolution="720p"),
            prompt_limit=None,
            audio=True,
            prices=(Price(per=PriceUnit.VIDEO, amount=self._price, when={}, checked=checked, source=source),),
            compute=None,
            median_seconds=30,
            p99_seconds=120,
        )


@dataclass(slots=True)
class _Backend:
    """The fake, opened for one client."""

    fake: FakeProvider
    context: ProviderContext
    jobs: dict[str, _FakeJob] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def submit(self, order: Order) -> Submission:
        """Raises what the script says."""
        from anyvideo.provider import JobStatus, NoReply, Ref, Submission, Update

        self.fake.orders.append(order)
        step = self.fake.step()
        if step.ending == "refuses":
            assert step.error is not None, "a refusal has its error"
            raise step.error
        await _send(order)
        if step.ending == "loses":
            raise NoReply(left=True, problem="the script lost the answer")
        ref = Ref(job_id=f"{self.fake.name}-{next(self.numbers)}", model=order.spec.slug)
        self.jobs[ref.job_id] = _FakeJob(step=step, order=order)
        return Submission(ref=ref, update=Update(status=JobStatus.QUEUED, native="queued"))

    async def fetch(self, ref: Ref) -> Update:
        """The next poll of the script."""
        from anyvideo.provider import JobStatus, ResultGone, Update
        from anyvideo.types.job import Failure

        job = self.jobs.get(ref.job_id)
        if job is None:
            lost = Failure.of(ResultGone("this fake has no such job", stage="poll"))
            return Update(status=JobStatus.FAILED, native="gone", gone=True, failure=lost)
        job.polls += 1
        if job.canceled:
            return Update(status=JobStatus.CANCELED, native="canceled", reported_cost=_reported(Decimal(0)))
        if job.step.ending == "hangs" or job.polls < job.step.polls:
            return Update(status=JobStatus.RUNNING, native="running")
        if job.step.ending == "fails":
            return self._failed(job)
        return await self._succeeded(ref, job)

    def _failed(self, job: _FakeJob) -> Update:
        from anyvideo.provider import JobStatus, Update
        from anyvideo.types.job import Failure

        assert job.step.error is not None, "a failure has its error"
        failure: Failure = Failure.of(job.step.error)
        if failure.charged in (None, "unknown"):
            failure = replace(failure, charged="yes" if job.step.cost else "no")
        return Update(
            status=JobStatus.FAILED,
            native="failed",
            failure=replace(failure, stage=failure.stage or "poll"),
            reported_cost=_reported(job.step.cost or Decimal(0)),
        )

    async def _succeeded(self, ref: Ref, job: _FakeJob) -> Update:
        import anyio

        from anyvideo.provider import JobStatus, Output, Update

        path = self.context.work / f"{ref.job_id}.mp4"
        await anyio.Path(path).write_bytes(clip(job.step.duration or job.order.fit.duration))
        return Update(
            status=JobStatus.SUCCEEDED,
            native="succeeded",
            outputs=(Output(path=path, content_type="video/mp4"),),
            reported_cost=None if job.step.cost is None else _reported(job.step.cost),
        )

    async def cancel(self, ref: Ref) -> Update:
        """Stops the job."""
        self.fake.canceled.append(ref.job_id)
        if ref.job_id in self.jobs:
            self.jobs[ref.job_id].canceled = True
        return await self.fetch(ref)

    def explain(self, reply: Reply) -> ProviderError:
        """Never asked: nothing is sent over HTTP."""
        from anyvideo.provider import explain_status

        return explain_status(reply)

    async def aclose(self) -> None:
        """Nothing to close."""


async def _send(order: Order) -> None:
    """Tell the engine that bytes leave now, as the wire would."""
    from anyvideo.net.scopes import current_call

    record = current_call()
    if record is not None:
        if record.before_send is not None:
            await record.before_send(hashlib.sha256(repr(order.inputs).encode()).hexdigest())
        record.left = True


def _dollars(amount: str | Decimal | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)


def _reported(amount: Decimal) -> Cost:
    from anyvideo.provider import Cost, CostBasis, cost_micros

    return Cost(micros=cost_micros(amount), basis=CostBasis.REPORTED)
