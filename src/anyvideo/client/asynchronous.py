"""The client, as coroutines."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Self, Unpack

import anyio

from anyvideo.catalog.spec import ModelSpec
from anyvideo.jobs.backends import Backends
from anyvideo.jobs.choose import check_cap, choose
from anyvideo.jobs.clock import SystemClock
from anyvideo.jobs.driver import Driver
from anyvideo.jobs.engine import Engine
from anyvideo.jobs.outcome import delivered, still_running
from anyvideo.jobs.store.sqlite import SQLiteStore
from anyvideo.jobs.wish import BuyOptions, PlanOptions, Wish
from anyvideo.plugins import Plugins
from anyvideo.routing.plan import make_plan
from anyvideo.settings import Settings, load_settings
from anyvideo.types.clock import Clock
from anyvideo.types.errors import ConfigurationError, InvalidRequest, NoModelFits
from anyvideo.types.events import Event, EventKind
from anyvideo.types.job import Job
from anyvideo.types.plan import Plan
from anyvideo.types.request import Image
from anyvideo.types.states import JobStatus
from anyvideo.types.video import Video

logger = logging.getLogger("anyvideo")
OnTimeout = Literal["leave", "cancel"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderInfo:
    """One installed plugin. `missing` says what to set, `problem` why it cannot be loaded."""

    name: str
    vendor: str | None = None
    distribution: str | None
    version: str | None
    ready: bool = False
    missing: str | None = None
    problem: str | None = None
    models: int = 0


class AsyncClient:
    """Plans, buys, waits and delivers. Use it as `async with AsyncClient() as client`.

    `keys` maps a provider's name to its key or to a callable that gives it; `store` is a path or "memory:".
    `on_event` is called on the loop's thread; what it raises never fails a job.
    """

    def __init__(
        self,
        *,
        store: str | Path | None = None,
        profile: str | None = None,
        keys: Mapping[str, str | Callable[[], str]] | None = None,
        plugins: Plugins | None = None,
        settings: Settings | None = None,
        clock: Clock | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        self._settings = settings or load_settings(profile=profile)
        if keys is not None:
            self._settings = self._settings.with_keys(keys)
        self._plugins = plugins or Plugins.discover(allowed=self._settings.plugins)
        self._clock = clock or SystemClock()
        self._on_event = on_event
        self._store = SQLiteStore(store if store is not None else self._settings.store)
        self._backends = Backends(self._plugins, self._settings, self._clock, self._store.folder)
        engine = Engine(store=self._store, backends=self._backends, clock=self._clock, tell=self._tell)
        self._driver = Driver(engine, self._clock, concurrency=self._settings.concurrency)
        self._closing: AsyncExitStack | None = None

    async def __aenter__(self) -> Self:
        if self._closing is not None:
            raise ConfigurationError("this client is open already", field="client")
        stack = AsyncExitStack()
        stack.push_async_callback(self._store.aclose)
        stack.push_async_callback(self._backends.aclose)
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
        return await self._plan(Wish.of(prompt, **options))

    async def submit(self, prompt: str | None = None, **options: Unpack[BuyOptions]) -> Job:
        """Record a job and return at once; the open client drives it in the background.

        Raises InvalidRequest, UnknownModel, NoModelFits, BudgetExceeded and StoreError, before anything is sent.
        """
        self._check_open()
        wish = Wish.of(prompt, **options)
        plan = await self._plan(wish)
        if not plan.ready:
            raise _nothing_fits(plan)
        check_cap(plan, wish.options.max_cost_micros)
        await self._plugins.check_request(wish.request)
        job = await self._store.create(await self._new_job(wish, plan))
        for kind in (EventKind.JOB_RECORDED, EventKind.ATTEMPT_STARTED):
            model = job.attempts[0].model
            self._tell(
                Event(id=secrets.token_hex(8), kind=kind, job_id=job.id, at=job.created_at, model=model)
            )
        self._driver.drive(job.id)
        return job

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
        job_id = await self._drive(job)
        ended = await self._within(timeout, self._driver.ended(job_id))
        if ended is None and on_timeout == "cancel":
            ended = await self.cancel(job_id)
        if ended is None:
            raise still_running(await self._store.load(job_id), timeout)
        return delivered(ended)

    async def job(self, job: Job | str) -> Job:
        """The job as it stands now. Raises JobNotFound."""
        self._check_open()
        return await self._store.load(_id(job))

    async def jobs(self, *, status: str | None = None, limit: int = 100) -> list[Job]:
        """Recorded jobs, newest first. Raises InvalidRequest for a status that does not exist."""
        self._check_open()
        return await self._store.list(statuses=None if status is None else [_status(status)], limit=limit)

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

    async def models(self) -> list[ModelSpec]:
        """Every declared model of the installed plugins."""
        return list(self._backends.specs)

    async def forget_models(self, model: str | None = None) -> int:
        """Drop what is remembered about models that did not work; says how many."""
        self._check_open()
        return await self._store.forget_unavailable(model)

    async def providers(self) -> list[ProviderInfo]:
        """Every installed plugin: whether it is ready, what is missing, or why it is broken."""
        working = [
            ProviderInfo(
                name=plugin.name,
                vendor=plugin.vendor,
                distribution=self._plugins.distribution(plugin.name),
                version=self._plugins.version(plugin.name),
                ready=(missing := self._settings.missing(plugin)) is None,
                missing=missing,
                models=len(plugin.catalog.models),
            )
            for plugin in self._plugins.all
        ]
        broken = [
            ProviderInfo(
                name=plugin.name,
                distribution=plugin.distribution,
                version=plugin.version,
                problem=plugin.problem,
            )
            for plugin in self._plugins.broken
        ]
        return sorted(working + broken, key=lambda info: info.name)

    async def _new_job(self, wish: Wish, plan: Plan) -> Job:
        """The job of a wish with its first attempt held, and its picture copied beside the store."""
        image = wish.request.image
        kept = None if image is None else await self._store.keep_input(image)
        now = self._clock.now()
        job = Job(
            id=wish.job_id or f"job_{secrets.token_hex(10)}",
            request=replace(wish.request, image=kept),
            plan=_with_image(plan, kept),
            options=wish.options,
            created_at=now,
            deadline=None if wish.timeout is None else now + timedelta(seconds=wish.timeout),
            metadata=dict(wish.metadata),
        )
        first = choose(job, self._backends, now).attempt
        assert first is not None, "a plan with a ready candidate within the cap has a first attempt"
        return replace(job, attempts=(first,))

    async def _plan(self, wish: Wish) -> Plan:
        readiness = {plugin.name: self._settings.missing(plugin) for plugin in self._plugins.all}
        return make_plan(
            wish.request,
            plugins=self._plugins.all,
            specs=self._backends.specs,
            route=wish.models or self._settings.route,
            routes=self._settings.routes,
            now=self._clock.now(),
            readiness=readiness,
            policy=wish.policy or self._settings.policy,
            strict=wish.strict,
            allow_unpriced=wish.options.allow_unpriced,
            shunned=await self._shunned(readiness),
        )

    async def _shunned(self, readiness: Mapping[str, str | None]) -> dict[str, str]:
        if self._closing is None:
            return {}
        mine = {self._backends.account(name) for name, missing in readiness.items() if missing is None}
        remembered = await self._store.unavailable(self._clock.now())
        return {model: reason for (account, model), reason in remembered.items() if account in mine}

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
                "this client is not open", field="client", hint="use it as: async with AsyncClient() as client"
            )

    def _tell(self, event: Event) -> None:
        for listener in (self._on_event, self._plugins.tell):
            try:
                if listener is not None:
                    listener(event)
            except Exception:
                logger.exception("a listener failed at event %s", event.kind)


def _id(job: Job | str) -> str:
    return job.id if isinstance(job, Job) else job


def _status(word: str) -> JobStatus:
    try:
        return JobStatus(word)
    except ValueError:
        known = ", ".join(JobStatus)
        raise InvalidRequest(f"there is no status {word!r}", field="status", hint=f"one of: {known}") from None


def _with_image(plan: Plan, image: Image | None) -> Plan:
    """The plan with the kept picture in place of the one in memory."""
    if image is None:
        return plan
    candidates = tuple(
        replace(candidate, fit=replace(candidate.fit, image=image if candidate.fit.image else None))
        for candidate in plan.candidates
    )
    return replace(plan, candidates=candidates)


def _nothing_fits(plan: Plan) -> NoModelFits:
    unready = [f"{candidate.model}: {candidate.missing}" for candidate in plan.candidates]
    reasons = [f"{rejection.model}: {rejection.reason}" for rejection in plan.rejections]
    problem = "no model that fits is ready" if unready else "no model fits"
    return NoModelFits(f"{problem}: " + "; ".join(unready + reasons), plan=plan, hint="see: anyvideo plan")
