"""The client, as coroutines."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Unpack

import anyio

from anyvideo.catalog.spec import ModelSpec
from anyvideo.client.batches import Terms
from anyvideo.client.core import Core, check_on_timeout, job_id_of, status_of
from anyvideo.client.planner import ProviderInfo
from anyvideo.jobs.batch import USUAL_CONCURRENCY, USUAL_TRIES, Clip
from anyvideo.jobs.outcome import delivered, still_running
from anyvideo.jobs.recovery import Recovered, report, stranger, urgency
from anyvideo.jobs.store.base import OPEN_STATUSES, Line, Used
from anyvideo.jobs.wish import BuyOptions, PlanOptions
from anyvideo.types.batch import BatchResult
from anyvideo.types.errors import (
    AnyVideoError,
    OutcomeUnknown,
    StillRunning,
)
from anyvideo.types.job import Job
from anyvideo.types.plan import Plan
from anyvideo.types.states import JobStatus
from anyvideo.types.video import Video

logger = logging.getLogger("anyvideo")
OnTimeout = Literal["leave", "cancel"]


class AsyncClient(Core):
    """Plans, buys, waits and delivers. Use it as `async with AsyncClient() as client`.

    `keys` maps a provider's name to its key or to a callable that gives it; `store` is a path or "memory:".
    `budgets` bound every purchase of this client, beside the settings' own. `on_event` is called on the
    loop's thread; what it raises never fails a job.

    `profile` is one of `anyvideo.toml` or a built-in one (default: what the environment says). `settings`
    replace everything that would be read from there and from the environment, `profile` with it; `plugins`
    replace the installed ones; `clock` is for tests, whose time is not the machine's.
    """

    async def aclose(self) -> None:
        """Finish what is being sent and close everything. Unfinished jobs stay in the store.

        In a forked child it does nothing: everything belongs to the process that opened the client.
        """
        await self._close()

    async def plan(self, prompt: str | None = None, **options: Unpack[PlanOptions]) -> Plan:
        """Which models could do it, in which order, at which price. Sends nothing, spends nothing.

        Raises InvalidRequest and UnknownModel.
        """
        self._home.check()
        wish = await self._pictures.planned(prompt, options)
        return await self._planner.plan(wish, remember=self._closing is not None)

    async def submit(self, prompt: str | None = None, **options: Unpack[BuyOptions]) -> Job:
        """Record a job and return at once; the open client drives it in the background.

        With an `idempotency_key` that is known, the job that has it comes back; with `cache=True`, a
        finished job for exactly the same model, inputs and seed does: nothing is bought or recorded
        then, also not the key, and its adjustments are those of the purchase that made it.

        Raises InvalidRequest, UnknownModel, NoModelFits, BudgetExceeded and StoreError, before anything is
        sent.
        """
        return await self._submit(prompt, **options)

    async def generate(
        self, prompt: str | None = None, *, on_timeout: OnTimeout = "leave", **options: Unpack[BuyOptions]
    ) -> Video:
        """`submit` and `wait`: one prompt in, one checked video file out. Raises what they raise."""
        check_on_timeout(on_timeout)
        job = await self.submit(prompt, **options)
        return await self.wait(job, timeout=options.get("timeout"), on_timeout=on_timeout)

    async def wait(
        self, job: Job | str, *, timeout: float | None = None, on_timeout: OnTimeout = "leave"
    ) -> Video:
        """Drive a job, of this or of a dead process, to its end and return the video.

        Raises AllModelsFailed, OutcomeUnknown, JobCanceled, VideoRefused by a check of the application, or
        StillRunning after `timeout` seconds: the job goes on then, unless `on_timeout` is "cancel".
        Raises JobNotFound; ResultGone and DownloadFailed for a delivered file that was deleted or altered
        since, has no copy in the store, and cannot be fetched again.
        """
        check_on_timeout(on_timeout)
        try:
            ended = await self._ended(job_id_of(job), timeout)
        except (StillRunning, OutcomeUnknown):
            if on_timeout != "cancel" or self._closing is None:
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
        not_before: datetime | str | None = None,
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
        succeed. Nothing is sent before `not_before`: a datetime, ISO text, or an hour like "02:30".
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
        return await self._store.load(job_id_of(job))

    async def jobs(self, *, status: str | None = None, limit: int = 100) -> list[Job]:
        """Recorded jobs, newest first; among the "unknown" ones also those that have ended and hold money for
        an attempt of unknown fate. Raises InvalidRequest for a status that does not exist.
        """
        self._check_open()
        wanted = None if status is None else status_of(status)
        return await self._store.jobs(
            statuses=None if wanted is None else [wanted],
            undecided=wanted is JobStatus.UNKNOWN,
            limit=limit,
        )

    async def cancel(self, job: Job | str, *, timeout: float = 60.0) -> Job:
        """Stop a job and its bill, without destroying a clip that is paid for. Returns the job as it ended.

        A clip that was finished a moment before is delivered instead. Raises StillRunning when the vendor
        has not confirmed within `timeout` seconds, and ConfigurationError for a job of another account, which
        is left as it is.
        """
        self._check_open()
        standing = await self._store.load(job_id_of(job))
        if not standing.finished and (not_ours := stranger(standing, self._backends)) is not None:
            raise not_ours
        flagged = await self._store.request_cancel(job_id_of(job))
        if flagged.finished or flagged.status is JobStatus.UNKNOWN:
            return flagged
        self._driver.drive(flagged)
        self._driver.hurry(flagged.id)
        ended = await self._within(timeout, lambda: self._driver.ended(flagged.id))
        if ended is None:
            raise still_running(await self._store.load(flagged.id), timeout)
        return ended

    async def uncancel(self, job: Job | str) -> Job:
        """Take back a cancel that has not gone out: the job is wanted after all.

        Returns the job as it stands, to be driven by `wait`; its `cancel_requested` is still true where it
        has ended, or where the cancel may have reached the vendor already.
        """
        self._check_open()
        return await self._store.withdraw_cancel(job_id_of(job))

    async def resolve(
        self, job: Job | str, *, charged: bool | None = None, provider_job: str | None = None
    ) -> Job:
        """Decide an unknown outcome by hand, after a look at the vendor's own pages.

        `charged=True`: the held money is spent; `charged=False`: it is released, and the job may go on;
        `provider_job`: the vendor's id of the job, which is then followed. A clip that is ready at the vendor
        and cannot be fetched is given up so, charged or not, and the job ends. Raises InvalidRequest.
        """
        self._check_open()
        return await self._engine.resolve(job_id_of(job), charged=charged, provider_job=provider_job)

    async def recover(
        self, *, take_over: Job | str | Sequence[Job | str] = (), timeout: float | None = None
    ) -> list[Recovered]:
        """Drive every unfinished job of dead processes to its end, the most urgent first.

        Says what became of each. Jobs of other accounts or addresses are `elsewhere` and left alone; one that
        an error stopped is `stopped`, and holds up no other. All are driven at once: `timeout` is how many
        seconds the whole call waits, however many there are, and what is not over by then is `running`.

        `take_over` names jobs of a key that the present one has replaced. The vendor must show each to the
        present key; one whose submit got no answer is looked for on your word, and never released for not
        being listed. Raises JobNotFound.
        """
        self._check_open()
        named = [take_over] if isinstance(take_over, (Job, str)) else take_over
        asked = [await self._store.load(job_id_of(job)) for job in named]
        begun = self._clock.monotonic()
        taken: dict[str, AnyVideoError | None] = {}
        await self._within(timeout, lambda: self._take_over(asked, taken))
        found = await self._store.jobs(statuses=OPEN_STATUSES, limit=100_000)
        apart = {job.id: taken.get(job.id, stranger(job, self._backends)) for job in found}
        mine = sorted((job for job in found if apart[job.id] is None), key=urgency)
        for job in mine:
            self._driver.drive(job)
        results: dict[str, Job | Exception] = {}
        left = None if timeout is None else timeout - (self._clock.monotonic() - begun)
        await self._within(left, lambda: self._follow(mine, results))

        async def latest(job: Job) -> Job:
            try:
                return await self._store.load(job.id)
            except AnyVideoError:
                return job

        shown = found + [job for job in asked if job.finished]
        return [report(await latest(job), results.get(job.id), apart.get(job.id)) for job in shown]

    async def _take_over(self, jobs: Sequence[Job], taken: dict[str, AnyVideoError | None]) -> None:
        """Note of each job what stands against taking it over."""
        for job in jobs:
            try:
                with self._clock.working():
                    await self._engine.take_over(job.id)
            except AnyVideoError as error:
                taken[job.id] = error
            else:
                taken[job.id] = None

    async def _follow(self, jobs: Sequence[Job], results: dict[str, Job | Exception]) -> None:
        """Note what each driven job comes to."""

        async def follow(job_id: str) -> None:
            try:
                results[job_id] = await self._driver.ended(job_id)
            except Exception as error:
                results[job_id] = error

        async with anyio.create_task_group() as tasks:
            for job in jobs:
                tasks.start_soon(follow, job.id)

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
        self._home.check()
        return list(self._backends.specs)

    async def forget_models(self, model: str | None = None) -> int:
        """Drop what is remembered about models that did not work; says how many."""
        self._check_open()
        return await self._store.forget_unavailable(model)

    async def providers(self) -> list[ProviderInfo]:
        """Every installed plugin: whether it is ready, what is missing, or why it is broken."""
        self._home.check()
        return self._planner.providers()
