"""What a client is made of: settings, plugins, store, engine and driver; how it opens, closes and tells."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, Unpack

import anyio

from anyvideo.client.batches import Batches
from anyvideo.client.pictures import Pictures
from anyvideo.client.planner import Planner, nothing_fits, reference_notes, with_image
from anyvideo.jobs.again import fetched_again, swept
from anyvideo.jobs.backends import Backends
from anyvideo.jobs.clock import SystemClock
from anyvideo.jobs.driver import Driver
from anyvideo.jobs.engine import Engine
from anyvideo.jobs.files import found
from anyvideo.jobs.home import Home
from anyvideo.jobs.outcome import still_running, unknown
from anyvideo.jobs.record import answered_before, finished_before, record
from anyvideo.jobs.store.sqlite import SQLiteStore
from anyvideo.jobs.wish import BuyOptions, Wish
from anyvideo.media.names import check_template
from anyvideo.plugins import Plugins
from anyvideo.settings import Settings, load_settings
from anyvideo.types.budget import Budget
from anyvideo.types.clock import Clock
from anyvideo.types.errors import ConfigurationError, InvalidRequest
from anyvideo.types.events import Event, EventKind
from anyvideo.types.job import Job, JobOptions
from anyvideo.types.states import JobStatus

logger = logging.getLogger("anyvideo")
OnTimeout = Literal["leave", "cancel"]
T = TypeVar("T")


class Core:
    """The private half of AsyncClient: everything but the calls that a caller makes."""

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
        self._settings.check_catalogs(self._plugins.installed)
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
        self._driver = Driver(
            self._engine,
            self._clock,
            concurrency=self._settings.concurrency,
            downloads=self._settings.downloads,
        )
        self._batches = Batches(
            planner=self._planner,
            store=self._store,
            clock=self._clock,
            read=self._pictures.planned,
            submit=self._submit,
            follow=self._ended,
            tell=self._say,
        )
        self._closing: AsyncExitStack | None = None
        self._home = Home()

    async def __aenter__(self) -> Self:
        self._home.check()
        if self._closing is not None:
            raise ConfigurationError("this client is open already", field="client")
        stack = AsyncExitStack()
        stack.push_async_callback(self._store.aclose)
        stack.push_async_callback(self._backends.aclose)
        stack.push_async_callback(self._engine.aclose)
        try:
            await self._store.open()
            await swept(self._store.folder)
            await stack.enter_async_context(self._driver.running())
        except BaseException:
            await stack.aclose()
            raise
        self._closing = stack
        self._home.enter()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def _close(self) -> None:
        if self._closing is not None and not self._home.abroad:
            stack, self._closing = self._closing, None
            self._home.leave()
            await stack.aclose()

    async def _submit(self, prompt: str | None = None, **options: Unpack[BuyOptions]) -> Job:
        self._check_open()
        wish = await self._pictures.bought(prompt, options)
        with self._clock.working():
            return await self._recorded(wish)

    async def _recorded(self, wish: Wish) -> Job:
        if (answered := await answered_before(wish, self._store)) is not None:
            self._driver.drive(answered)
            return answered
        plan = await self._planner.plan(wish, remember=True)
        if not plan.ready:
            raise nothing_fits(plan)
        options = self._options(wish)
        known = await finished_before(wish, plan, options, store=self._store) if wish.cache else None
        if known is not None:
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
            options,
            store=self._store,
            shelf=self._backends,
            now=self._clock.now(),
        )
        for kind in () if written.known else (EventKind.JOB_RECORDED, EventKind.ATTEMPT_STARTED):
            self._say(kind, written.job.id, model=written.job.attempts[0].model)
        if wish.without_image is not None:
            self._say(EventKind.IMAGE_DROPPED, written.job.id, message=wish.without_image)
        for threshold in written.thresholds:
            self._say(EventKind.BUDGET_THRESHOLD, written.job.id, threshold=threshold)
        self._driver.drive(written.job)
        return written.job

    def _options(self, wish: Wish) -> JobOptions:
        """The wish's options, with what the settings say where it says nothing."""
        options = wish.options
        if wish.on_unknown is None and self._settings.on_unknown == "resubmit":
            said = (options.max_duplicate_micros, self._settings.max_duplicate_micros)
            cap = min((cap for cap in said if cap is not None), default=None)
            if cap is None:
                raise ConfigurationError(
                    'anyvideo.toml says on_unknown = "resubmit", which may pay twice, without a cap',
                    field="max_duplicate_cost",
                    hint='add max_duplicate_cost = "0.50" to it, the most that may be paid twice',
                )
            options = replace(options, on_unknown="resubmit", max_duplicate_micros=cap)
        template = options.output or self._settings.template
        return replace(
            options,
            budgets=(*options.budgets, *self._budgets),
            output=None if template is None else check_template(template),
            output_folder=None if template is None else self._output_folder(),
        )

    def _output_folder(self) -> Path:
        try:
            return (self._settings.output or Path.cwd()).absolute()
        except OSError as error:
            raise InvalidRequest(
                "the output template names files below the current folder, which is gone",
                field="output",
                hint="go to another folder, or set [output] folder in anyvideo.toml",
            ) from error

    async def _ended(self, job_id: str, timeout: float | None) -> Job:
        """The job once nothing more happens to it, with its file where it lies unaltered now.

        Raises StillRunning and OutcomeUnknown after `timeout`; ResultGone and DownloadFailed for a file that
        was deleted or altered since and cannot be fetched again.
        """
        begun = await self._drive(job_id)
        ended = await self._within(timeout, lambda: self._driver.ended(job_id))
        if ended is not None:
            return await self._at_hand(ended) if begun.finished else ended
        standing = await self._store.load(job_id)
        lost = standing.status is JobStatus.UNKNOWN
        raise unknown(standing) if lost else still_running(standing, timeout)

    async def _at_hand(self, job: Job) -> Job:
        if job.status is not JobStatus.SUCCEEDED or job.artifact is None:
            return job
        with self._clock.working():
            path = await found(job, self._store.folder)
            if path is None:
                path = await fetched_again(job, job.artifact, self._backends, self._store.folder)
            if path != job.artifact.path and await anyio.Path(job.artifact.path).exists():
                message = f"the file at {job.artifact.path} was altered; the clip itself is at {path}"
                self._say(EventKind.TROUBLE, job.id, message=message)
        return replace(job, artifact=replace(job.artifact, path=path))

    async def _drive(self, job: Job | str) -> Job:
        self._check_open()
        standing = await self._store.load(job_id_of(job))
        self._driver.drive(standing)
        return standing

    async def _within(self, timeout: float | None, work: Callable[[], Awaitable[T]]) -> T | None:
        """What the work brings, or None when the clock passes `timeout` seconds first."""
        result: list[T] = []
        problem: list[Exception] = []

        async def watch(scope: anyio.CancelScope) -> None:
            try:
                result.append(await work())
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
        self._home.check()
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


def job_id_of(job: Job | str) -> str:
    return job.id if isinstance(job, Job) else job


def status_of(word: str) -> JobStatus:
    try:
        return JobStatus(word)
    except ValueError:
        known = ", ".join(JobStatus)
        raise InvalidRequest(
            f"there is no status {word!r}", field="status", hint=f"one of: {known}"
        ) from None


def check_on_timeout(on_timeout: str) -> None:
    """Raises InvalidRequest for a word that does not exist."""
    if on_timeout not in ("leave", "cancel"):
        raise InvalidRequest(
            f"on_timeout is not understood: {on_timeout!r}", field="on_timeout", hint="one of: leave, cancel"
        )
