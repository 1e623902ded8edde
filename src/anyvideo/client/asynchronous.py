"""The client, as coroutines."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Self, Unpack

import anyio

from anyvideo.catalog.spec import ModelSpec
from anyvideo.client.batches import Batches, Terms
from anyvideo.client.pictures import Pictures
from anyvideo.client.planner import Planner, ProviderInfo, nothing_fits, reference_notes, with_image
from anyvideo.jobs.backends import Backends
from anyvideo.jobs.batch import USUAL_CONCURRENCY, USUAL_TRIES, Clip
from anyvideo.jobs.clock import SystemClock
from anyvideo.jobs.driver import Driver
from anyvideo.jobs.engine import Engine
from anyvideo.jobs.outcome import delivered, still_running, unknown
from anyvideo.jobs.record import finished_before, record
from anyvideo.jobs.recovery import Recovered, in_reach, report, urgency
from anyvideo.jobs.store.base import OPEN_STATUSES, Line, Used
from anyvideo.jobs.store.sqlite import SQLiteStore
from anyvideo.jobs.wish import BuyOptions, PlanOptions, Wish
from anyvideo.media.names import check_template
from anyvideo.plugins import Plugins
from anyvideo.settings import Settings, load_settings
from anyvideo.types.batch import BatchResult
from anyvideo.types.budget import Budget
from anyvideo.types.clock import Clock
from anyvideo.types.errors import (
    AnyVideoError,
    ConfigurationError,
    InvalidRequest,
    OutcomeUnknown,
    StillRunning,
)
from anyvideo.types.events import Event, EventKind
from anyvideo.types.job import Job, JobOptions
from anyvideo.types.plan import Plan
from anyvideo.types.states import JobStatus
from anyvideo.types.video import Video

logger = logging.getLogger("anyvideo")
OnTimeout = Literal["leave", "cancel"]


class AsyncClient:
    """Plans, buys, waits and delivers. Use it as `async with AsyncClient() as client`.

    `keys` maps a provider's name to its key or to a callable that gives it; `store` is a path or "memory:".
    `budgets` bound every purchase of this client, beside the settings' own. `on_event` is called on the
    loop's thread; what it raises never fails a job.
    """

    def __init__(
        self,
        *,
        store: str | Path | None = None,
        profile: str | None = None,
        keys: Mapping[str, str | Callable[[], str]] | None = None,
        budgets: Sequence[Budget] = (),
        plugins: Plugins | None = None,
        settings: Settings | None = None,
        clock: Clock | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        self._settings = settings or load_settings(profile=profile)
        if keys is not None:
            self._settings = self._settings.with_keys(keys)
        self._plugins = plugins or Plugins.discover(allowed=self._settings.plugins)
        self._settings = self._settings.for_plugins(self._plugins.all)
        self._clock = clock or SystemClock()
        self._on_event = on_event
        self._budgets = (*self._settings.budgets, *budgets)
        self._store = SQLiteStore(store if store is not None else self._settings.store)
        self._pictures = Pictures(self._settings, self._clock)
        self._backends = Backends(self._plugins, self._settings, self._clock, self._store.folder)
        self._planner = Planner(
            plugins=self._plugins,
            settings=self._settings,
            backends=self._backends,
            store=self._store,
            clock=self._clock,
        )
        self._engine = Engine(store=self._store, backends=self._backends, clock=self._clock, tell=self._tell)
        self._driver = Driver(self._engine, self._clock, concurrency=self._settings.concurrency)
        self._batches = Batches(
            planner=self._planner,
            store=self._store,
            clock=self._clock,
            read=self._pictures.planned,
            submit=self.submit,
            follow=self._ended,
            tell=self._say,
        )
        self._closing: AsyncExitStack | None = None

    async def __aenter__(self) -> Self:
        if self._closing is not None:
            raise ConfigurationError("this client is open already", field="client")
        stack = AsyncExitStack()
        stack.push_async_callback(self._store.aclose)
        stack.push_async_callback(self._backends.aclose)
        stack.push_async_callback(self._engine.aclose)
        try:
            await self._store.open()
            await stack.enter_async_context(self._driver.running())
        except BaseException:
            await stack.aclose()
            raise
        self._closing = stack
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Finish what is being sent and close everything. Unfinished jobs stay in the store."""
        if self._closing is not None:
            stack, self._closing = self._closing, None
            await stack.aclose()

    async def plan(self, prompt: str | None = None, **options: Unpack[PlanOptions]) -> Plan:
        """Which models could do it, in which order, at which price. Sends nothing, spends nothing.

        Raises InvalidRequest and UnknownModel.
        """
        wish = await self._pictures.planned(prompt, options)
        return await self._planner.plan(wish, remember=self._closing is not None)

    async def submit(self, prompt: str | None = None, **options: Unpack[BuyOptions]) -> Job:
        """Record a job and return at once; the open client drives it in the background.

        With an `idempotency_key` that is known, the job that has it comes back; with `cache=True`, a
        finished job for exactly the same model, inputs and seed does. Raises InvalidRequest, UnknownModel,
        NoModelFits, BudgetExceeded and StoreError, before anything is sent.
        """
        self._check_open()
        wish = await self._pictures.bought(prompt, options)
        with self._clock.working():
            return await self._recorded(wish)

    async def _recorded(self, wish: Wish) -> Job:
        plan = await self._planner.plan(wish, remember=True)
        if not plan.ready:
            raise nothing_fits(plan)
        if wish.cache and (known := await finished_before(plan, self._store)) is not None:
            return known
        await self._plugins.check_request(wish.request)
        image = wish.request.image
        kept = None if image is None else await self._store.keep_input(image)
        references = {name: await self._store.keep_input(one) for name, one in wish.references.items()}
        written = await record(
            replace(
                wish,
                request=replace(wish.request, image=kept),
                metadata={**wish.metadata, **reference_notes(references)},
            ),
            with_image(plan, kept),
            self._options(wish),
            store=self._store,
            shelf=self._backends,
            now=self._clock.now(),
        )
        for kind in (EventKind.JOB_RECORDED, EventKind.ATTEMPT_STARTED):
            self._say(kind, written.job.id, model=written.job.attempts[0].model)
        if wish.without_image is not None:
            self._say(EventKind.IMAGE_DROPPED, written.job.id, message=wish.without_image)
        for threshold in written.thresholds:
            self._say(EventKind.BUDGET_THRESHOLD, written.job.id, threshold=threshold)
        self._driver.drive(written.job.id)
        return written.job

    async def generate(
        self, prompt: str | None = None, *, on_timeout: OnTimeout = "leave", **options: Unpack[BuyOptions]
    ) -> Video:
        """`submit` and `wait`: one prompt in, one checked video file out. Raises what they raise."""
        job = await self.submit(prompt, **options)
        return await self.wait(job, timeout=options.get("timeout"), on_timeout=on_timeout)

    async def wait(
        self, job: Job | str, *, timeout: float | None = None, on_timeout: OnTimeout = "leave"
    ) -> Video:
        """Drive a job, of this or of a dead process, to its end and return the video.

        Raises AllModelsFailed, OutcomeUnknown, JobCanceled, or StillRunning after `timeout` seconds: the
        job goes on then, unless `on_timeout` is "cancel".
        """
        try:
            ended = await self._ended(_id(job), timeout)
        except (StillRunning, OutcomeUnknown):
            if on_timeout != "cancel":
                raise
            ended = await self.cancel(job)
        return delivered(ended)

    async def batch(
        self,
        requests: Sequence[Clip | Mapping[str, Any]],
        *,
        concurrency: int | None = None,
        min_successes: int | None = None,
        budget: str | int | Decimal | None = None,
        batch_id: str | None = None,
        resume: bool | None = None,
        tries: int = USUAL_TRIES,
        not_before: datetime | None = None,
        **options: Unpack[BuyOptions],
    ) -> BatchResult:
        """Buy many clips, `concurrency` at a time (default 5), within one `budget` in dollars for all.

        A clip is a Clip or a mapping of its fields; `options` hold for every clip that does not say
        otherwise, `timeout` for each by itself. Partial success is a result. A clip whose models all failed
        with errors that may pass gets up to `tries` chains, 2, 4 and 8 s apart; none after an unknown
        outcome.

        What an earlier run under the same `batch_id` (default: derived from the clips) has recorded is taken
        over: nothing is bought twice. `resume=False` makes it an error that there is such a run,
        `resume=True` that there is none.

        Raises InvalidRequest, NoModelFits and BudgetExceeded (the estimate of all clips) before anything is
        sent, and BatchFailed, with the result, when fewer than `min_successes` (default: 3, or all of fewer)
        succeed. Nothing is sent before `not_before`.
        """
        self._check_open()
        defaults = self._settings.defaults
        terms = Terms(
            concurrency=(defaults.concurrency or USUAL_CONCURRENCY) if concurrency is None else concurrency,
            min_successes=min_successes,
            budget=defaults.budget if budget is None else budget,
            batch_id=batch_id,
            resume=resume,
            tries=tries,
            not_before=not_before,
        )
        return await self._batches.run(requests, terms, options)

    async def job(self, job: Job | str) -> Job:
        """The job as it stands now. Raises JobNotFound."""
        self._check_open()
        return await self._store.load(_id(job))

    async def jobs(self, *, status: str | None = None, limit: int = 100) -> list[Job]:
        """Recorded jobs, newest first. Raises InvalidRequest for a status that does not exist."""
        self._check_open()
        return await self._store.jobs(statuses=None if status is None else [_status(status)], limit=limit)

    async def cancel(self, job: Job | str, *, timeout: float = 60.0) -> Job:
        """Stop a job and its bill, without destroying a clip that is paid for. Returns the job as it ended.

        A clip that was finished a moment before is delivered instead. Raises StillRunning when the vendor
        has not confirmed within `timeout` seconds.
        """
        self._check_open()
        flagged = await self._store.request_cancel(_id(job))
        if flagged.finished or flagged.status is JobStatus.UNKNOWN:
            return flagged
        job_id = await self._drive(flagged)
        self._driver.hurry(job_id)
        ended = await self._within(timeout, self._driver.ended(job_id))
        if ended is None:
            raise still_running(await self._store.load(job_id), timeout)
        return ended

    async def resolve(
        self, job: Job | str, *, charged: bool | None = None, provider_job: str | None = None
    ) -> Job:
        """Decide an unknown outcome by hand, after a look at the vendor's own pages.

        `charged=True`: the held money is spent; `charged=False`: it is released, and the job may go on;
        `provider_job`: the vendor's id of the job, which is then followed. Raises InvalidRequest.
        """
        self._check_open()
        return await self._engine.resolve(_id(job), charged=charged, provider_job=provider_job)

    async def recover(self, *, timeout: float | None = None) -> list[Recovered]:
        """Drive every unfinished job of dead processes to its end, the most urgent first.

        Says what became of each. Jobs of other accounts or addresses are `elsewhere` and left alone.
        """
        self._check_open()
        found = await self._store.jobs(statuses=OPEN_STATUSES, limit=100_000)
        mine = sorted((job for job in found if in_reach(job, self._backends)), key=urgency)
        for job in mine:
            self._driver.drive(job.id)

        async def ended(job: Job) -> Job | Exception | None:
            try:
                return await self._within(timeout, self._driver.ended(job.id))
            except AnyVideoError as error:
                return error

        results = {job.id: await ended(job) for job in mine}
        return [report(await self._store.load(job.id), results.get(job.id), job in mine) for job in found]

    async def spend(self) -> list[Line]:
        """The books: one line for each attempt, oldest first."""
        self._check_open()
        return await self._store.lines()

    async def budgets(self) -> list[Used]:
        """What this client's budgets have used in their current periods."""
        self._check_open()
        return await self._store.used(self._budgets, self._clock.now())

    async def models(self) -> list[ModelSpec]:
        """Every declared model of the installed plugins."""
        return list(self._backends.specs)

    async def forget_models(self, model: str | None = None) -> int:
        """Drop what is remembered about models that did not work; says how many."""
        self._check_open()
        return await self._store.forget_unavailable(model)

    async def providers(self) -> list[ProviderInfo]:
        """Every installed plugin: whether it is ready, what is missing, or why it is broken."""
        return self._planner.providers()

    def _options(self, wish: Wish) -> JobOptions:
        """The wish's options, with what the settings say where it says nothing."""
        options = wish.options
        if wish.on_unknown is None and self._settings.on_unknown == "resubmit":
            cap = self._settings.max_duplicate_micros
            options = replace(options, on_unknown="resubmit", max_duplicate_micros=cap)
        template, folder = options.output or self._settings.template, self._settings.output or Path.cwd()
        return replace(
            options,
            budgets=(*options.budgets, *self._budgets),
            output=None if template is None else check_template(template),
            output_folder=None if template is None else folder.absolute(),
        )

    async def _ended(self, job_id: str, timeout: float | None) -> Job:
        """The job once nothing more happens to it. Raises StillRunning and OutcomeUnknown after `timeout`."""
        await self._drive(job_id)
        ended = await self._within(timeout, self._driver.ended(job_id))
        if ended is not None:
            return ended
        standing = await self._store.load(job_id)
        lost = standing.status is JobStatus.UNKNOWN
        raise unknown(standing) if lost else still_running(standing, timeout)

    async def _drive(self, job: Job | str) -> str:
        self._check_open()
        job_id = _id(job)
        await self._store.load(job_id)
        self._driver.drive(job_id)
        return job_id

    async def _within(self, timeout: float | None, ended: Coroutine[Any, Any, Job]) -> Job | None:
        """The ended job, or None when the clock passes `timeout` seconds first."""
        result: list[Job] = []
        problem: list[Exception] = []

        async def watch(scope: anyio.CancelScope) -> None:
            try:
                result.append(await ended)
            except Exception as error:
                problem.append(error)
            scope.cancel()

        async with anyio.create_task_group() as race:
            race.start_soon(watch, race.cancel_scope)
            if timeout is not None:
                await self._clock.sleep(timeout)
                race.cancel_scope.cancel()
        if problem:
            raise problem[0]
        return result[0] if result else None

    def _check_open(self) -> None:
        if self._closing is None:
            raise ConfigurationError(
                "this client is not open",
                field="client",
                hint="use it as: async with AsyncClient() as client",
            )

    def _say(self, kind: EventKind, job_id: str, **details: Any) -> None:
        self._tell(Event(id=secrets.token_hex(8), kind=kind, job_id=job_id, at=self._clock.now(), **details))

    def _tell(self, event: Event) -> None:
        if event.kind is not EventKind.BATCH_PROGRESS:
            event = self._batches.marked(event)
        self._hand_out(event)
        if event.kind is not EventKind.BATCH_PROGRESS:
            self._batches.heard(event)

    def _hand_out(self, event: Event) -> None:
        for listener in (self._on_event, self._plugins.tell):
            try:
                if listener is not None:
                    listener(event)
            except (Exception, SystemExit):
                logger.exception("a listener failed at event %s", event.kind)


def _id(job: Job | str) -> str:
    return job.id if isinstance(job, Job) else job


def _status(word: str) -> JobStatus:
    try:
        return JobStatus(word)
    except ValueError:
        known = ", ".join(JobStatus)
        raise InvalidRequest(
            f"there is no status {word!r}", field="status", hint=f"one of: {known}"
        ) from None
