"""The record in one SQLite file, or in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from anyvideo.jobs.fingerprint import fingerprint, job_fingerprint, same_request
from anyvideo.jobs.money import moves
from anyvideo.jobs.store import accounts, books
from anyvideo.jobs.store.base import Lease, Line, Rival, Used, Written
from anyvideo.jobs.store.codec import encode
from anyvideo.jobs.store.database import Database
from anyvideo.jobs.store.rows import (
    COLUMNS,
    job_of,
    kept_input,
    line_of,
    loaded,
    owner_of,
    readable_job,
    rival_of,
    text_of,
    with_key,
)
from anyvideo.types.budget import Budget
from anyvideo.types.errors import InvalidRequest, StaleWrite
from anyvideo.types.job import Account, Attempt, Job
from anyvideo.types.request import Image
from anyvideo.types.states import AttemptState, JobStatus


class SQLiteStore:
    """See Store. `path` is a file, or "memory:" for a record that goes with the process."""

    def __init__(self, path: Path | str) -> None:
        self._database = Database(path)

    @property
    def folder(self) -> Path:
        return self._database.folder

    async def open(self) -> None:
        await self._database.open()

    async def aclose(self) -> None:
        await self._database.aclose()

    async def create(self, job: Job, *, idempotency_key: str | None = None) -> Written:
        def insert() -> Written:
            with self._database.transaction() as sql:
                known = with_key(sql, idempotency_key)
                if known is not None:
                    return Written(job=same_request(known, job_fingerprint(job)), known=True)
                try:
                    sql.execute(
                        "INSERT INTO jobs (id, version, status, created_at, document, idempotency_key)"
                        " VALUES (?, 1, ?, ?, ?, ?)",
                        (job.id, job.status, text_of(job.created_at), encode(job), idempotency_key),
                    )
                except sqlite3.IntegrityError:
                    raise InvalidRequest(
                        f"there is a job {job.id} already",
                        field="job_id",
                        hint="leave job_id out, or resume it",
                    ) from None
                crossed = books.enter(sql, job, moves(None, job), job.created_at)
            return Written(job=replace(job, version=1), thresholds=tuple(crossed))

        return await self._database.run(insert)

    async def with_key(self, idempotency_key: str) -> Job | None:
        return await self._database.run(lambda: with_key(self._database.sql, idempotency_key))

    async def load(self, job_id: str) -> Job:
        return await self._database.run(lambda: loaded(self._database.sql, job_id))

    async def jobs(
        self, *, statuses: Sequence[JobStatus] | None = None, undecided: bool = False, limit: int = 100
    ) -> list[Job]:
        wanted = tuple(statuses or JobStatus)
        marks = ", ".join("?" * len(wanted))
        return await self._select(
            f"SELECT {COLUMNS} FROM jobs WHERE status IN ({marks})"
            " OR (? AND id IN (SELECT job_id FROM attempts WHERE state = ?))"
            " ORDER BY created_at DESC, id DESC LIMIT ?",
            (*wanted, undecided, AttemptState.UNKNOWN, limit),
        )

    async def keyed(self, prefix: str) -> dict[str, Job]:
        def select() -> dict[str, Job]:
            rows = self._database.sql.execute(
                f"SELECT {COLUMNS}, idempotency_key FROM jobs WHERE substr(idempotency_key, 1, ?) = ?",
                (len(prefix), prefix),
            ).fetchall()
            jobs = {row[3]: readable_job(row) for row in rows}
            return {key: job for key, job in jobs.items() if job is not None}

        return await self._database.run(select)

    async def finished_like(self, fingerprint: str) -> list[Job]:
        return await self._select(
            f"SELECT {COLUMNS} FROM jobs WHERE id IN"
            " (SELECT job_id FROM attempts WHERE fingerprint = ? AND state = ?)"
            " ORDER BY created_at DESC",
            (fingerprint, AttemptState.SETTLED),
        )

    async def lease(self, job_id: str, *, owner: str, now: datetime, seconds: float) -> Lease | None:
        until = now + timedelta(seconds=seconds)

        def take() -> Lease | None:
            with self._database.transaction() as sql:
                row = sql.execute(
                    "UPDATE jobs SET epoch = epoch + (CASE WHEN lease_owner = ? THEN 0 ELSE 1 END),"
                    " lease_owner = ?, lease_until = ? WHERE id = ?"
                    " AND (lease_owner IS NULL OR lease_owner = ? OR lease_until < ?) RETURNING epoch",
                    (owner, owner, text_of(until), job_id, owner, text_of(now)),
                ).fetchone()
            return Lease(job_id=job_id, owner=owner, epoch=row[0], until=until) if row else None

        return await self._database.run(take)

    async def release(self, lease: Lease) -> None:
        def give_back() -> None:
            with self._database.transaction() as sql:
                sql.execute(
                    "UPDATE jobs SET lease_owner = NULL, lease_until = NULL WHERE id = ? AND epoch = ?",
                    (lease.job_id, lease.epoch),
                )

        await self._database.run(give_back)

    async def holder(self, job_id: str) -> str | None:
        def select() -> str | None:
            row = self._database.sql.execute(
                "SELECT lease_owner FROM jobs WHERE id = ?", (job_id,)
            ).fetchone()
            return row[0] if row else None

        return await self._database.run(select)

    async def free(self, job_id: str, holder: str) -> None:
        def clear() -> None:
            with self._database.transaction() as sql:
                sql.execute(
                    "UPDATE jobs SET lease_owner = NULL, lease_until = NULL WHERE id = ? AND lease_owner = ?",
                    (job_id, holder),
                )

        await self._database.run(clear)

    async def write(self, lease: Lease, before: Job, after: Job, *, now: datetime) -> Written:
        def update() -> Written:
            with self._database.transaction() as sql:
                return _written(sql, lease, before, after, now)

        return await self._database.run(update)

    async def adopt(self, lease: Lease, before: Job, after: Job, *, now: datetime) -> Written | None:
        [claim] = (one for one in after.attempts if one not in before.attempts)
        assert claim.account is not None, "an adopted job has an account"
        assert claim.ref is not None, "an adopted job has a handle"
        account, provider_job_id = claim.account, claim.ref.job_id

        def update() -> Written | None:
            with self._database.transaction() as sql:
                if books.owned(sql, account, provider_job_id, claim.id):
                    return None
                return _written(sql, lease, before, after, now)

        return await self._database.run(update)

    async def owned(self, account: Account, provider_job_ids: Sequence[str]) -> set[str]:
        def select() -> set[str]:
            sql = self._database.sql
            return {found for found in provider_job_ids if books.owned(sql, account, found, "")}

        return await self._database.run(select)

    async def owner(self, account: Account, provider_job_id: str) -> Attempt | None:
        return await self._database.run(lambda: owner_of(self._database.sql, account, provider_job_id))

    async def rivals(self, attempt: Attempt, *, now: datetime) -> list[Rival]:
        states = (AttemptState.SENDING, AttemptState.UNKNOWN)
        column, value = ("fingerprint", fingerprint(attempt))
        if attempt.fit.image is not None:
            column, value = ("model", attempt.model)

        def select() -> list[Rival]:
            rows = self._database.sql.execute(
                f"SELECT {COLUMNS}, attempts.id, CASE WHEN lease_until >= ? THEN lease_owner END"
                " FROM attempts JOIN jobs ON jobs.id = attempts.job_id"
                f" WHERE attempts.{column} = ? AND state IN (?, ?) AND attempts.id <> ?",
                (text_of(now), value, *states, attempt.id),
            ).fetchall()
            return [rival for row in rows if (rival := rival_of(row)) is not None]

        return await self._database.run(select)

    async def request_cancel(self, job_id: str) -> Job:
        def flag() -> Job:
            with self._database.transaction() as sql:
                row = sql.execute(
                    f"UPDATE jobs SET cancel_requested = 1 WHERE id = ? RETURNING {COLUMNS}", (job_id,)
                ).fetchone()
            return job_of(row, job_id)

        return await self._database.run(flag)

    async def withdraw_cancel(self, job_id: str) -> Job:
        def take_back() -> Job:
            with self._database.transaction() as sql:
                job = loaded(sql, job_id)
                if job.finished or (job.attempt is not None and job.attempt.canceling == "caller"):
                    return job
                sql.execute("UPDATE jobs SET cancel_requested = 0 WHERE id = ?", (job_id,))
            return replace(job, cancel_requested=False)

        return await self._database.run(take_back)

    async def lines(self) -> list[Line]:
        def select() -> list[Line]:
            rows = self._database.sql.execute(
                "SELECT job_id, id, provider, model, day, state, hold_micros, cost_micros, basis"
                " FROM attempts ORDER BY rowid"
            ).fetchall()
            return [line_of(row) for row in rows]

        return await self._database.run(select)

    async def used(self, budgets: Sequence[Budget], now: datetime) -> list[Used]:
        def select() -> list[Used]:
            return [accounts.used(self._database.sql, budget, now) for budget in budgets]

        return await self._database.run(select)

    async def keep_input(self, image: Image) -> Image:
        if image.url is not None:
            return image
        return await self._database.run(lambda: kept_input(image, self.folder / "inputs"))

    async def remember_unavailable(
        self, account: Account, model: str, *, until: datetime, reason: str
    ) -> None:
        def upsert() -> None:
            with self._database.transaction() as sql:
                sql.execute(
                    "INSERT INTO unavailable VALUES (?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT (provider, origin, key_hash, model)"
                    " DO UPDATE SET until = excluded.until, reason = excluded.reason",
                    (account.provider, account.origin, account.key_hash, model, text_of(until), reason),
                )

        await self._database.run(upsert)

    async def unavailable(self, now: datetime) -> dict[tuple[Account, str], str]:
        def select() -> dict[tuple[Account, str], str]:
            rows = self._database.sql.execute(
                "SELECT provider, origin, key_hash, model, reason FROM unavailable WHERE until > ?",
                (text_of(now),),
            ).fetchall()
            return {(Account(provider=p, origin=o, key_hash=k), model): why for p, o, k, model, why in rows}

        return await self._database.run(select)

    async def forget_unavailable(self, model: str | None = None) -> int:
        def delete() -> int:
            with self._database.transaction() as sql:
                return sql.execute(
                    "DELETE FROM unavailable WHERE ? IS NULL OR model = ?", (model, model)
                ).rowcount

        return await self._database.run(delete)

    async def _select(self, query: str, values: tuple[Any, ...]) -> list[Job]:
        def select() -> list[Job]:
            rows = self._database.sql.execute(query, values).fetchall()
            return [job for row in rows if (job := readable_job(row)) is not None]

        return await self._database.run(select)


def _written(sql: sqlite3.Connection, lease: Lease, before: Job, after: Job, now: datetime) -> Written:
    row = sql.execute(
        "UPDATE jobs SET document = ?, status = ?, version = version + 1"
        " WHERE id = ? AND epoch = ? AND version = ? AND lease_owner = ? RETURNING version, cancel_requested",
        (encode(after), after.status, after.id, lease.epoch, before.version, lease.owner),
    ).fetchone()
    if row is None:
        raise StaleWrite(f"another process drives job {after.id} now", hint="watch it with: anyvideo jobs")
    crossed = books.enter(sql, after, moves(before, after), now)
    return Written(
        job=replace(after, version=row[0], cancel_requested=bool(row[1])), thresholds=tuple(crossed)
    )
