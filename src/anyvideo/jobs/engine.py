"""The engine: one step of one job at a time. It never sleeps; it says when to come back."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import anyio

from anyvideo.catalog.spec import ModelSpec
from anyvideo.jobs.backends import Backend, Backends
from anyvideo.jobs.choose import choose, may_buy_again
from anyvideo.jobs.deliver import deliver
from anyvideo.jobs.follow import follow
from anyvideo.jobs.handles import Handles
from anyvideo.jobs.leases import Leases
from anyvideo.jobs.observe import moved
from anyvideo.jobs.reconcile import reconcile
from anyvideo.jobs.recovery import stranger
from anyvideo.jobs.resolve import decide, to_decide
from anyvideo.jobs.store.base import Store
from anyvideo.jobs.submit import TakenUnwritten, hold_as_unknown, submit
from anyvideo.jobs.takeover import take_over
from anyvideo.jobs.turn import Tell, Turn
from anyvideo.types.clock import Clock
from anyvideo.types.errors import BudgetExceeded, StaleWrite, StillRunning, StoreError
from anyvideo.types.events import EventKind
from anyvideo.types.job import Failure, Job
from anyvideo.types.states import TERMINAL, AttemptState, JobStatus

logger = logging.getLogger("anyvideo")
S = AttemptState
WATCH_SECONDS = 1.0

BESIDE_STEPS = 5
"""So often a decision is written anew that a step of this same process overtook."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """What one step came to. `due` (UTC) is when to come back; None: nothing more happens by itself.

    `watched` is True while another process drives the job. `problem` is what whoever waits must be told,
    though the job goes on.
    """

    job: Job
    due: datetime | None
    watched: bool = False
    problem: StillRunning | None = None


class Engine:
    """Drives jobs over a store, with the providers of one client."""

    def __init__(self, *, store: Store, backends: Backends, clock: Clock, tell: Tell) -> None:
        self._store = store
        self._backends = backends
        self._clock = clock
        self._tell = tell
        self._settings = backends.settings
        self._leases = Leases(store, clock, tell, backends.settings)
        self._watched: dict[str, float] = {}
        self._sent: set[str] = set()
        self._handles = Handles(clock)

    async def advance(self, job_id: str) -> Advance:
        """Take the lease, do one piece of work, write it, and answer when to come back.

        Raises ConfigurationError (a key or plugin of the job is missing here), StoreError and JobNotFound;
        no StoreError while the handle of a job that the vendor took is still to be written.
        """
        try:
            return await self._advance(job_id)
        except StoreError as error:
            taken = self._handles.get(job_id)
            if taken is None:
                raise
            problem = self._handles.problem(job_id, error)
            logger.error("%s", problem.message)
            due = self._clock.now() + timedelta(seconds=WATCH_SECONDS)
            overdue = self._handles.overdue(job_id)
            return Advance(job=taken.job, due=due, problem=problem if overdue else None)

    async def _advance(self, job_id: str) -> Advance:
        now = self._clock.now()
        watch = now + timedelta(seconds=WATCH_SECONDS)
        async with self._leases.turn(job_id) as turn:
            if turn is None:
                job = await self._store.load(job_id)
                return Advance(job=job, due=None if job.finished else watch, watched=True)
            try:
                due = await self._step_renewing(turn)
            except TakenUnwritten as taken:
                self._handles.keep(taken)
                return Advance(job=taken.job, due=watch, watched=True)
            except StaleWrite:
                return Advance(job=await self._store.load(job_id), due=watch, watched=True)
            return Advance(job=turn.job, due=due)

    async def aclose(self) -> None:
        """Write a last time the handles of jobs that vendors took, where that failed before."""
        for job_id in self._handles:
            try:
                await self._advance(job_id)
            except StoreError as error:
                logger.error("%s", self._handles.problem(job_id, error))

    async def _step(self, turn: Turn) -> datetime | None:
        """One piece of work, and when to come back; None only when nothing more happens by itself."""
        await self._handles.write(turn, self._backends)
        job = turn.job
        if job.finished:
            return None
        if not job.attempts or turn.attempt.state in TERMINAL:
            await self._next(turn)
        else:
            if (why := stranger(job, self._backends)) is not None:
                raise why
            spec = self._backends.spec(turn.attempt.model)
            backend = await self._backends.get(turn.attempt.provider)
            due = await self._drive(turn, backend, spec)
            if due is not None:
                return due
        nobody_can_tell = job.status is turn.job.status is JobStatus.UNKNOWN
        return None if turn.job.finished or nobody_can_tell else self._clock.now()

    async def _drive(self, turn: Turn, backend: Backend, spec: ModelSpec) -> datetime | None:
        match turn.attempt.state:
            case S.CREATED | S.HELD:
                self._sent.add(turn.attempt.id)
                return await submit(turn, backend, spec)
            case S.SENDING:
                return await self._interrupted_submit(turn, backend)
            case S.ACCEPTED | S.RUNNING:
                return await follow(turn, backend, spec, watched=self._watched_for(turn))
            case S.OUTPUT_READY | S.DOWNLOADING | S.STORED:
                return await deliver(turn, backend, spec, self._backends.plugins)
            case S.UNKNOWN:
                return await self._unknown(turn, backend, spec)
            case _:
                return None

    async def _unknown(self, turn: Turn, backend: Backend, spec: ModelSpec) -> datetime | None:
        """Find out whether a lost submit was taken; where nobody can tell, do what the caller chose."""
        windows, here = self._settings.windows, turn.attempt.id in self._sent
        due = await reconcile(turn, backend, spec, windows, watched=self._watched_for(turn), sent_here=here)
        if due is None and turn.attempt.state is S.UNKNOWN and may_buy_again(turn.job):
            await self._next(turn)
        return due

    def _watched_for(self, turn: Turn) -> float:
        """Monotonic seconds since this process first looked at the attempt."""
        now = self._clock.monotonic()
        return now - self._watched.setdefault(turn.attempt.id, now)

    async def resolve(
        self, job_id: str, *, charged: bool | None = None, provider_job: str | None = None
    ) -> Job:
        """Decide from outside an unknown outcome, or what a clip that cannot be fetched cost: its job ends.

        This process may be at work on the job: what it writes meanwhile is looked at anew.

        Raises JobNotFound, StaleWrite, and what `to_decide` and `decide` do.
        """
        await self._store.load(job_id)
        decided = False
        for _ in range(BESIDE_STEPS):
            async with self._leases.turn(job_id) as turn:
                if turn is None:
                    raise _driven_elsewhere(job_id)
                with suppress(StaleWrite):
                    if not decided:
                        attempt = to_decide(turn.job, provider_job=provider_job)
                        await decide(
                            turn, attempt, self._backends, charged=charged, provider_job=provider_job
                        )
                        decided = True
                    await self._close(turn)
                    return turn.job
        if decided:
            return await self._store.load(job_id)
        raise _driven_elsewhere(job_id)

    async def _close(self, turn: Turn) -> None:
        """What a decision comes to where no next attempt is about to need the money."""
        if turn.job.finished or turn.attempt.state not in TERMINAL:
            return
        if turn.attempt.state is S.EXPIRED:
            await self._next(turn)
        else:
            await turn.save(turn.attempt)

    async def take_over(self, job_id: str) -> None:
        """Make a job of a replaced key this client's own. Raises what `takeover` does, and StaleWrite."""
        if stranger(await self._store.load(job_id), self._backends) is not None:
            async with self._leases.turn(job_id) as turn:
                if turn is None:
                    raise _driven_elsewhere(job_id)
                await take_over(turn, self._backends)

    async def _interrupted_submit(self, turn: Turn, backend: Backend) -> datetime | None:
        """The process that sent it died before the answer was written."""
        if backend.plugin.recovery.kind == "in_process":
            await turn.save(moved(turn.attempt, S.HELD, self._clock.now()))
            return self._clock.now()
        lost = Failure(kind="ServiceError", message="interrupted while sending", stage="submit")
        await hold_as_unknown(turn, lost)
        return None

    async def _next(self, turn: Turn) -> None:
        """Start the next attempt, or end the job; an unknown outcome stays so until somebody knows."""
        await self._remember(turn)
        over: dict[str, str] = {}
        while True:
            choice = choose(turn.job, self._backends, self._clock.now(), skipped=over)
            if choice.attempt is None:
                if turn.job.status is not JobStatus.UNKNOWN:
                    left_out = (*over.values(), *choice.left_out)
                    await turn.end(choice.status, failure=choice.failure, left_out=left_out)
                return
            try:
                await turn.save(choice.attempt)
            except BudgetExceeded as error:
                over[choice.attempt.model] = error.message
                continue
            turn.say(EventKind.ATTEMPT_STARTED)
            return

    async def _remember(self, turn: Turn) -> None:
        """A model that does not work for this account is not tried again for a day."""
        attempt = turn.job.attempt
        if attempt is None or attempt.failure is None or attempt.account is None:
            return
        if attempt.failure.kind == "ModelUnavailable":
            until = self._clock.now() + timedelta(hours=24)
            await self._store.remember_unavailable(
                attempt.account, attempt.model, until=until, reason=attempt.failure.message
            )

    async def _step_renewing(self, turn: Turn) -> datetime | None:
        """One piece of work while the lease is kept."""
        outcome: list[datetime | Exception | None] = []
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._leases.keep, turn)
            try:
                outcome.append(await self._step(turn))
            except Exception as error:
                outcome.append(error)
            tasks.cancel_scope.cancel()
        if isinstance(outcome[0], Exception):
            raise outcome[0]
        return outcome[0]


def _driven_elsewhere(job_id: str) -> StaleWrite:
    return StaleWrite(f"another process drives job {job_id} now", hint="try again in a moment")
