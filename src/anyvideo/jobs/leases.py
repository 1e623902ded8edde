"""Turns at jobs: a lease is taken, kept while the work lasts, and given back whatever happens."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import anyio

from anyvideo.jobs.follow import MAX_POLL_WAIT
from anyvideo.jobs.owner import is_dead, owner_name
from anyvideo.jobs.schedule import in_time
from anyvideo.jobs.store.base import Lease, Store
from anyvideo.jobs.turn import Tell, Turn
from anyvideo.settings import Settings
from anyvideo.types.clock import Clock
from anyvideo.types.errors import StoreError
from anyvideo.types.job import Job

logger = logging.getLogger("anyvideo")
SEND_DEADLINE = timedelta(seconds=5)


class Leases:
    """The turns of one client at the jobs of its store."""

    def __init__(self, store: Store, clock: Clock, tell: Tell, settings: Settings) -> None:
        self._store = store
        self._clock = clock
        self._tell = tell
        self._settings = settings
        self._seconds = settings.windows.lease
        self._owners: dict[int, str] = {}

    @asynccontextmanager
    async def turn(self, job_id: str) -> AsyncIterator[Turn | None]:
        """The job under a lease, which is given back whatever happens; None while another process has it."""
        lease = await self._lease(job_id)
        if lease is None:
            yield None
            return
        turn: Turn | None = None
        try:
            turn = self._new_turn(lease, await self._store.load(job_id))
            yield turn
        finally:
            with anyio.CancelScope(shield=True):
                await self._store.release(lease if turn is None else turn.lease)

    async def keep(self, turn: Turn) -> None:
        """Renew the lease for ever; one that is lost, or cannot be renewed, stops nothing: the next write
        notices.
        """
        while True:
            await anyio.sleep(self._seconds / 3)
            try:
                turn.lease = await self._lease(turn.job.id) or turn.lease
            except StoreError as error:
                logger.warning("the lease of job %s cannot be renewed: %s", turn.job.id, error.message)

    @property
    def _owner(self) -> str:
        """This process's name: a child that was forked has one of its own."""
        pid = os.getpid()
        if pid not in self._owners:
            self._owners[pid] = owner_name()
        return self._owners[pid]

    async def _lease(self, job_id: str) -> Lease | None:
        """Take or renew the lease; what a dead process of this machine held is free at once."""
        now, owner, seconds = self._clock.now(), self._owner, self._seconds
        lease = await self._store.lease(job_id, owner=owner, now=now, seconds=seconds)
        if lease is None and (holder := await self._store.holder(job_id)) is not None and is_dead(holder):
            await self._store.free(job_id, holder)
            lease = await self._store.lease(job_id, owner=owner, now=now, seconds=seconds)
        return lease

    def _new_turn(self, lease: Lease, job: Job) -> Turn:
        usual, look, fixed = self._settings.poll_max, self._settings.windows.look, job.options.poll_interval
        longest = max(MAX_POLL_WAIT, usual, look, fixed or 0)
        return Turn(
            store=self._store,
            clock=self._clock,
            tell=self._tell,
            lease=lease,
            job=in_time(job, self._clock.now(), longest),
            poll_bounds=(self._settings.poll_min, self._settings.poll_max),
            send_deadline=min(SEND_DEADLINE, timedelta(seconds=self._seconds / 3)),
        )
