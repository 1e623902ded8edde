"""A client's batches: checked and planned as a whole, then bought clip by clip."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from anyvideo.client.planner import Planner, nothing_fits
from anyvideo.jobs import batch as pure
from anyvideo.jobs.batch import Clip, Piece
from anyvideo.jobs.crew import Crew
from anyvideo.jobs.gauge import Gauge
from anyvideo.jobs.store.base import Store
from anyvideo.jobs.wish import BuyOptions, Wish
from anyvideo.types.batch import BatchResult
from anyvideo.types.budget import Budget
from anyvideo.types.clock import Clock
from anyvideo.types.errors import BatchFailed, InvalidRequest
from anyvideo.types.events import Event, EventKind
from anyvideo.types.job import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for a whole batch. `budget` in dollars; `not_before` without a zone is in this machine's."""

    concurrency: int
    min_successes: int | None
    budget: str | int | Decimal | None
    batch_id: str | None
    resume: bool | None
    tries: int
    not_before: datetime | None

    def __post_init__(self) -> None:
        for name, value in (("concurrency", self.concurrency), ("tries", self.tries)):
            if type(value) is not int or value < 1:
                raise InvalidRequest(
                    f"{name} must be a whole number of at least 1, not {value!r}", field=name
                )


@dataclass(slots=True, kw_only=True)
class Batches:
    """The batches that a client has under way. `read`, `submit` and `follow` are the client's own."""

    planner: Planner
    store: Store
    clock: Clock
    read: Callable[..., Awaitable[Wish]]
    submit: Callable[..., Awaitable[Job]]
    follow: Callable[[str, float | None], Awaitable[Job]]
    tell: Callable[..., None]
    gauges: list[Gauge] = field(default_factory=list)

    async def run(
        self, requests: Sequence[Clip | Mapping[str, Any]], terms: Terms, common: BuyOptions
    ) -> BatchResult:
        """See AsyncClient.batch."""
        clips = pure.read_clips(requests)
        minimum = pure.check_minimum(terms.min_successes, len(clips))
        wishes = {clip.index: await self._read(clip, common) for clip in clips if clip.index is not None}
        batch_id = terms.batch_id or pure.derived_id((index, wish) for index, (wish, _) in wishes.items())
        pure.check_batch_id(batch_id)
        budget = None if terms.budget is None else Budget(terms.budget, scope=f"job:{batch_id}")
        used = await self._used(budget)  # read before the jobs: another process may be buying them now
        pieces = await self._prepared(batch_id, wishes, resume=terms.resume)
        _check(pieces, budget, used)
        await self._until(terms.not_before)
        gauge = Gauge(batch_id=batch_id, total=len(pieces))
        crew = Crew(
            pieces=pieces,
            gauge=gauge,
            buy=self._buyer(batch_id, budget),
            follow=lambda job_id: self.follow(job_id, common.get("timeout")),
            nothing_fits=lambda piece: nothing_fits(piece.plan),
            grown=lambda: self._say(gauge),
            store=self.store,
            clock=self.clock,
            concurrency=terms.concurrency,
            tries=terms.tries,
            budget=budget,
        )
        self.gauges.append(gauge)
        begun = self.clock.monotonic()
        try:
            self._say(gauge)
            results = await crew.run()
        finally:
            self.gauges.remove(gauge)
        result = BatchResult(id=batch_id, clips=results, wall_time=self.clock.monotonic() - begun)
        if result.successful < minimum:
            raise _too_few(result, minimum)
        return result

    def marked(self, event: Event) -> Event:
        """The event with the batch and the clip that it belongs to, if any."""
        for gauge in self.gauges:
            if (index := gauge.owner(event)) is not None:
                return replace(event, batch_id=gauge.batch_id, clip=index)
        return event

    def heard(self, event: Event) -> None:
        """Tell how far the event has brought its batch."""
        for gauge in self.gauges:
            if gauge.heard(event):
                self._say(gauge, job_id=event.job_id)

    async def _prepared(
        self, batch_id: str, wishes: Mapping[int, tuple[Wish, dict[str, Any]]], *, resume: bool | None
    ) -> list[Piece]:
        """The checked clips, with what earlier runs of the batch recorded."""
        keyed = await self.store.keyed(f"{batch_id}/")
        if resume and not keyed:
            raise InvalidRequest(
                f"nothing of batch {batch_id} is recorded here",
                field="batch_id",
                hint="a batch without an id of its own is another one once its clips are changed",
            )
        if keyed and resume is False:
            raise InvalidRequest(
                f"batch {batch_id} was begun before: {len(keyed)} jobs of it are recorded",
                field="batch_id",
                hint="resume it, or give another id to buy all of it anew",
            )
        return [
            Piece(
                index=index,
                wish=wish,
                options=options,
                plan=await self.planner.plan(wish, remember=True),
                jobs=pure.tries_of(batch_id, index, keyed, wish),
            )
            for index, (wish, options) in wishes.items()
        ]

    async def _read(self, clip: Clip, common: BuyOptions) -> tuple[Wish, dict[str, Any]]:
        """A clip's checked wish, and the options to buy it with. Raises InvalidRequest naming the clip."""
        try:
            options = pure.options_of(clip, common)
            wish = await self.read(clip.prompt, options)
        except InvalidRequest as error:
            message = f"clip {clip.index}: {error.message}"
            raise type(error)(message, field=error.field, hint=error.hint) from error
        return wish, options if wish.request.image is None else {**options, "image": wish.request.image}

    async def _used(self, budget: Budget | None) -> int:
        if budget is None:
            return 0
        [used] = await self.store.used([budget], self.clock.now())
        return used.held_micros + used.spent_micros

    async def _until(self, moment: datetime | None) -> None:
        if moment is not None:
            seconds = (moment.astimezone(self.clock.now().tzinfo) - self.clock.now()).total_seconds()
            if seconds > 0:
                await self.clock.sleep(seconds)

    def _buyer(self, batch_id: str, budget: Budget | None) -> Callable[..., Awaitable[Job]]:
        async def buy(piece: Piece, job_id: str, key: str, models: tuple[str, ...]) -> Job:
            options: dict[str, Any] = {**piece.options, "job_id": job_id, "idempotency_key": key}
            given = options.get("metadata") or {}
            noted = {
                "batch": batch_id,
                "clip": str(piece.index),
                pure.ASKED: pure.asked_fingerprint(piece.wish),
            }
            options["metadata"] = {**given, **noted}
            if budget is not None:
                options["budgets"] = (*options.get("budgets", ()), budget)
            if models:
                options["models"] = models
            return await self.submit(piece.wish.request.prompt, **options)

        return buy

    def _say(self, gauge: Gauge, *, job_id: str | None = None) -> None:
        self.tell(
            EventKind.BATCH_PROGRESS,
            job_id or gauge.batch_id,
            batch_id=gauge.batch_id,
            progress=min(gauge.fraction, 1.0),
        )


def _check(pieces: Sequence[Piece], budget: Budget | None, used_micros: int) -> None:
    """Raises NoModelFits when no clip can be made, BudgetExceeded when all will be too dear."""
    if all(piece.to_buy and piece.first is None for piece in pieces):
        raise nothing_fits(pieces[0].plan)
    if budget is not None:
        pure.check_estimate(pieces, budget, used_micros)


def _too_few(result: BatchResult, minimum: int) -> BatchFailed:
    reasons = "; ".join(f"clip {clip.index}: {clip.error}" for clip in result.clips if clip.error is not None)
    return BatchFailed(
        f"{result.successful} of {result.total} clips of batch {result.id} succeeded,"
        f" {minimum} were needed: {reasons}",
        result=result,
        hint="what was delivered is in `result`; the same batch again goes on from here",
    )
