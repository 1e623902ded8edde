"""A client's batches: checked and planned as a whole, then bought clip by clip."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import anyio.to_thread

from anyvideo.client.batch_begin import begin_of
from anyvideo.client.planner import Planner, nothing_fits
from anyvideo.jobs import batch as pure
from anyvideo.jobs.asked import (
    ASKED,
    ASKED_IN_ALL,
    DERIVED,
    Told,
    asked_in_all,
    asked_of,
    begun_as,
    derived_id,
    may_have_another_id,
    name_of,
    named_of,
    sources_of,
    stand_in,
    with_pictures,
)
from anyvideo.jobs.batch import Clip, Piece
from anyvideo.jobs.crew import Crew
from anyvideo.jobs.gauge import Gauge
from anyvideo.jobs.store.base import Store
from anyvideo.jobs.wish import BuyOptions, Wish
from anyvideo.media.inputs import ImageSource, cannot_be_opened, load_image
from anyvideo.types.batch import BatchResult, ClipResult
from anyvideo.types.budget import Budget
from anyvideo.types.clock import Clock
from anyvideo.types.errors import BatchFailed, InvalidRequest
from anyvideo.types.events import Event, EventKind
from anyvideo.types.job import Job
from anyvideo.types.request import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for a whole batch. `budget` in dollars; see `begin_of` for `not_before`."""

    concurrency: int
    min_successes: int | None
    budget: str | int | Decimal | None
    batch_id: str | None
    resume: bool | None
    tries: int
    not_before: datetime | str | None

    def __post_init__(self) -> None:
        if self.resume not in (None, True, False):
            raise InvalidRequest(f"resume must be True, False or None, not {self.resume!r}", field="resume")
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
        begin = begin_of(terms.not_before, self.clock.now())
        if terms.batch_id is not None:
            pure.check_batch_id(terms.batch_id)
        told = {clip.index: await self._read(clip, common) for clip in clips if clip.index is not None}
        batch_id = terms.batch_id or await self._derived(told)
        notes = {} if terms.batch_id else {ASKED_IN_ALL: asked_in_all(told)}
        budget = None if terms.budget is None else Budget(terms.budget, scope=f"job:{batch_id}")
        used = await self._used(budget)  # read before the jobs: another process may be buying them now
        pieces = await self._prepared(batch_id, told, resume=terms.resume)
        _check(pieces, budget, used)
        await self._until(begin, batch_id)
        gauge = Gauge(batch_id=batch_id, total=len(pieces))
        crew = Crew(
            pieces=pieces,
            gauge=gauge,
            buy=self._buyer(batch_id, budget, told, notes),
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
        clips_done = tuple(_counted_once(batch_id, clip) for clip in results)
        result = BatchResult(id=batch_id, clips=clips_done, wall_time=self.clock.monotonic() - begun)
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

    async def _derived(self, told: Mapping[int, Told]) -> str:
        """The id of a batch that was given none: the one under which an earlier run began these clips."""
        own = derived_id(told)
        if await self.store.keyed(f"{own}/") or not may_have_another_id(told):
            return own
        return begun_as(told, await self.store.keyed(DERIVED)) or own

    async def _prepared(self, batch_id: str, told: Mapping[int, Told], *, resume: bool | None) -> list[Piece]:
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
                wish=one.wish,
                options=one.options,
                plan=await self.planner.plan(one.wish, remember=True),
                jobs=pure.tries_of(batch_id, index, keyed, one),
                unread=one.unread,
            )
            for index, one in told.items()
        ]

    async def _read(self, clip: Clip, common: BuyOptions) -> Told:
        """A clip, checked, with what of its pictures can be read. Raises InvalidRequest naming the clip."""
        try:
            options = pure.options_of(clip, common)
            sources = sources_of(options)
            found, lost = await _pictures(sources)
            named = {place: named_of(source, found.get(place)) for place, source in sources.items()}
            options, unread = with_pictures(options, found), None
            try:
                wish = await self.read(clip.prompt, options)
            except InvalidRequest as error:
                if not lost:
                    raise
                unread = _of_clip(error, clip)
                wish = await self.read(clip.prompt, with_pictures(options, lost))
        except InvalidRequest as error:
            raise _of_clip(error, clip) from error
        asked = asked_of(wish, named, sources.keys() - found.keys() - lost.keys())
        return Told(wish=wish, options=options, asked=asked, named=named, unread=unread)

    async def _used(self, budget: Budget | None) -> int:
        if budget is None:
            return 0
        [used] = await self.store.used([budget], self.clock.now())
        return used.held_micros + used.spent_micros

    async def _until(self, moment: datetime | None, batch_id: str) -> None:
        """Wait until then, and say so first."""
        if moment is None or moment <= self.clock.now():
            return
        words = f"nothing is sent before {moment:%Y-%m-%d %H:%M %Z}"
        self.tell(EventKind.BATCH_PROGRESS, batch_id, batch_id=batch_id, progress=0.0, message=words)
        while (seconds := (moment - self.clock.now()).total_seconds()) > 0:
            await self.clock.sleep(seconds)

    def _buyer(
        self, batch_id: str, budget: Budget | None, told: Mapping[int, Told], notes: Mapping[str, str]
    ) -> Callable[..., Awaitable[Job]]:
        async def buy(piece: Piece, job_id: str, key: str, models: tuple[str, ...]) -> Job:
            options: dict[str, Any] = {**piece.options, "job_id": job_id, "idempotency_key": key}
            given = options.get("metadata") or {}
            asked = {ASKED: told[piece.index].asked.note, **notes}
            options["metadata"] = {**given, "batch": batch_id, "clip": str(piece.index), **asked}
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
    """Raises InvalidRequest for a new clip whose picture is gone, NoModelFits when no clip can be made,
    BudgetExceeded when all will be too dear.
    """
    for piece in pieces:
        if piece.unread is not None and not piece.jobs:
            raise piece.unread
    if all(piece.to_buy and piece.first is None for piece in pieces):
        raise nothing_fits(pieces[0].plan)
    if budget is not None:
        pure.check_estimate(pieces, budget, used_micros)


async def _pictures(sources: Mapping[str, ImageSource]) -> tuple[dict[str, Image], dict[str, Image]]:
    """The pictures, and what stands for those that cannot be opened, by their places; not what is none."""
    found: dict[str, Image] = {}
    lost: dict[str, Image] = {}
    for place, source in sources.items():
        try:
            found[place] = await anyio.to_thread.run_sync(load_image, source)
        except InvalidRequest as error:
            if cannot_be_opened(error) and name_of(source) is not None:
                lost[place] = stand_in(source)
    return found, lost


def _counted_once(batch_id: str, clip: ClipResult) -> ClipResult:
    """The result, marked where a job that was bought for something else answered it."""
    own = pure.try_id(batch_id, clip.index, clip.tries)
    return clip if own in clip.job_ids or not clip.job_ids else replace(clip, reused=clip.job_ids[-1])


def _of_clip(error: InvalidRequest, clip: Clip) -> InvalidRequest:
    return type(error)(f"clip {clip.index}: {error.message}", field=error.field, hint=error.hint)


def _too_few(result: BatchResult, minimum: int) -> BatchFailed:
    reasons = "; ".join(f"clip {clip.index}: {clip.error}" for clip in result.clips if clip.error is not None)
    return BatchFailed(
        f"{result.successful} of {result.total} clips of batch {result.id} succeeded,"
        f" {minimum} were needed: {reasons}",
        result=result,
        hint="what was delivered is in `result`; the same batch again goes on from here",
    )
